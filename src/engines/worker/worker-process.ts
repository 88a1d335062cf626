import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { messageOf } from '../../base/errors.ts'
import { plain } from '../../base/plain.ts'
import { encodeFrame, type Frame, FrameReader, type WireArray } from './frames.ts'

/** What a worker answers. `lost`: it did not answer, and is gone. */
export type Answer =
  | { type: 'result'; facts: Readonly<Record<string, unknown>>; arrays: WireArray[] }
  /** In the worker's own words, such as TensorRT's; `kind` is a stable word for programs. */
  | { type: 'refused'; kind: string; message: string }
  | { type: 'lost'; how: 'start' | 'ended' | 'protocol' | 'time'; message: string }

export interface Progress {
  phase: string
  step: number
  /** 0 where it is not known. */
  steps: number
}

export interface RequestOptions {
  arrays?: readonly WireArray[]
  /** Time limit; a worker that does not keep it is killed. */
  seconds?: number
  onProgress?: (progress: Progress) => void
}

/** What a worker is asked for. */
export type Message = { type: string } & Readonly<Record<string, unknown>>

interface Pending {
  id: number
  answer(answer: Answer): void
  onProgress: ((progress: Progress) => void) | undefined
}

/** Lines of its standard error that are kept for errors. */
const linesKept = 40

/** A Python process that answers requests one after another. It keeps this process alive only while it works. */
export class WorkerProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #reader = new FrameReader()
  #said: string[] = []
  #line = ''
  #pending: Pending | undefined
  #queue: Promise<unknown> = Promise.resolve()
  #lost: Answer | undefined
  #next = 1
  readonly #ended: Promise<void>

  constructor(python: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#child = spawn(python, args, { stdio: ['pipe', 'pipe', 'pipe'], env })
    const { stdin, stdout, stderr } = this.#child
    // a worker that ends while it is written to is told of by `close`
    stdin.on('error', () => {})
    stdout.on('data', (piece: Buffer) => this.#receive(piece))
    stderr.on('data', (piece: Buffer) => this.#listen(piece.toString()))
    this.#ended = new Promise(done => {
      this.#child.once('error', cause => {
        this.#lose('start', `${python}: cannot be started (${messageOf(cause)})`)
        done()
      })
      this.#child.once('close', (code, signal) => {
        const how = signal ? `was ended by ${signal}` : `ended with exit code ${code}`
        this.#lose('ended', `it ${how}${this.#reader.inFrame ? ' in the middle of an answer' : ''}`)
        done()
      })
    })
    this.#hold(false)
  }

  /** Whether it can still be asked. */
  get alive(): boolean {
    return this.#lost === undefined
  }

  /** Sends a request when those before it are answered. Never rejects. */
  request(message: Message, options: RequestOptions = {}): Promise<Answer> {
    const answer = this.#queue.then(() => this.#send(message, options))
    this.#queue = answer
    return answer
  }

  /** Lets it end when it has answered what it was asked; then waits for it. */
  async end(): Promise<void> {
    await this.#queue
    this.#hold(true)
    this.#child.stdin.end()
    const patience = setTimeout(() => this.kill(), 5000)
    await this.#ended
    clearTimeout(patience)
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #send(message: Message, { arrays = [], seconds, onProgress }: RequestOptions): Promise<Answer> {
    if (this.#lost) return Promise.resolve(this.#lost)
    return new Promise(done => {
      const id = this.#next++
      const limit =
        seconds === undefined
          ? undefined
          : setTimeout(() => this.#lose('time', `it gave no answer within ${seconds} s`), seconds * 1000)
      this.#hold(true)
      this.#pending = {
        id,
        onProgress,
        answer: answer => {
          clearTimeout(limit)
          this.#pending = undefined
          this.#hold(false)
          done(answer)
        },
      }
      for (const piece of encodeFrame({ ...message, id }, arrays)) this.#child.stdin.write(piece)
    })
  }

  #receive(piece: Buffer): void {
    if (this.#lost) return
    let frames: Frame[]
    try {
      frames = this.#reader.push(piece)
    } catch (thrown) {
      this.#lose('protocol', messageOf(thrown))
      return
    }
    for (const frame of frames) this.#take(frame)
  }

  #take({ header, arrays }: Frame): void {
    const { id, type, ...facts } = header
    const pending = this.#pending
    if (!pending || pending.id !== id) this.#lose('protocol', `it answered ${id}, which was not asked`)
    else if (type === 'progress') pending.onProgress?.(facts as unknown as Progress)
    else if (type === 'refused')
      pending.answer({ type, kind: String(facts.kind), message: plain(String(facts.message)) })
    else if (type === 'result') pending.answer({ type, facts, arrays })
    else this.#lose('protocol', `it answered with ${JSON.stringify(type)}`)
  }

  /** The first reason counts: what follows is its consequence. */
  #lose(how: 'start' | 'ended' | 'protocol' | 'time', message: string): void {
    if (this.#lost) return
    const said = [...this.#said, this.#line].filter(line => line.trim() !== '').slice(-12)
    const words = said.length > 0 ? `${message}; its last words:\n${plain(said.join('\n'))}` : message
    this.#lost = { type: 'lost', how, message: words }
    this.kill()
    this.#pending?.answer(this.#lost)
  }

  #listen(text: string): void {
    const log = process.env.DEPTHGATE_WORKER_LOG
    if (log) appendFileSync(log, text)
    const lines = (this.#line + text).split('\n')
    this.#line = lines.pop()!
    this.#said = [...this.#said, ...lines].slice(-linesKept)
  }

  #hold(busy: boolean): void {
    const handles = [
      this.#child,
      this.#child.stdin,
      this.#child.stdout,
      this.#child.stderr,
    ] as unknown as Pick<Socket, 'ref' | 'unref'>[]
    for (const handle of handles) busy ? handle.ref() : handle.unref()
  }
}
