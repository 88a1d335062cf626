"""Trains the pocket network on scenes rendered as it goes: no data set, no downloads.

    python train.py --minutes 9 --seed 0 --out DIR        on an accelerator
    python train.py --minutes 38 --workers 2 --batch 6 --reuse 3 --average 250 --warmup 60 \
        --lr 6e-4 --out DIR                               on two CPU cores

On a CPU small batches give more steps, each scene serves in three of them, and one worker process a
core shares the batch: on two cores with other work on them, one process with two threads was no
faster than one with a single thread.

Writes to DIR: pocket.pt (float32 state dict of the averaged weights), loss.csv, metrics.json and,
every minute, checkpoint.pt (a pocket.pt that a cut-off run leaves behind).
"""

import argparse
import collections
import contextlib
import copy
import csv
import json
import math
import os
import sys
import time
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from evaluate import evaluate  # noqa: E402
from network import IMAGE_SIZE, PocketNetwork, count_parameters, normalise  # noqa: E402
from scenes import render_batch  # noqa: E402

# Canonical inverse depth below which the logarithm continues as its tangent: it spans 0.008 (60 m
# at 90 degrees) to 6 in training, and a raw output at or below zero still needs a finite gradient.
LOG_KNEE = 6e-3
WEIGHTS = {"inverse": 1.0, "log": 2.0, "shape": 1.5, "gradient": 0.5, "fov": 0.03}
CHECKPOINT_SECONDS = 60
LOG_EVERY = 20
MAX_SKIPPED = 20
# Steps between two uses of a scene, where scenes are used more than once.
REUSE_DISTANCE = 12


class Exchange:
    """Means over worker processes through shared memory; every worker must call `mean` as often."""

    def __init__(self, workers, length):
        self.workers = workers
        self.rows = torch.zeros(workers, length).share_memory_()
        self.barrier = torch.multiprocessing.get_context("spawn").Barrier(workers)

    def mean(self, rank, values):
        """values [length] of worker `rank` -> mean over workers, the same to the bit in each."""
        self.rows[rank] = values
        self.barrier.wait()
        result = self.rows.mean(dim=0)
        self.barrier.wait()  # nobody may write the next values before everybody has read these
        return result

    def share_gradients(self, rank, network, scalars):
        """Replaces the gradients by their mean; returns the means of the list `scalars`."""
        gradients = [parameter.grad for parameter in network.parameters()]
        flat = [gradient.reshape(-1) for gradient in gradients]
        means = self.mean(rank, torch.cat([*flat, torch.tensor(scalars)]))
        parts = means.split([*(len(part) for part in flat), len(scalars)])
        for gradient, part in zip(gradients, parts):
            gradient.copy_(part.view(gradient.shape))
        return parts[-1].tolist()


class SceneSource:
    """Endless batches (image, depth, fov_deg) as `render_batch` gives them, on the generator's
    device. With `reuse` above 1 each scene serves in that many batches, REUSE_DISTANCE steps apart,
    mirrored or not and in other light each time: for a CPU, where rendering is no small part of a
    step. `batch` must be a multiple of `reuse`."""

    def __init__(self, batch, reuse, generator, host):
        if batch % reuse:
            raise SystemExit(f"--batch {batch} is no multiple of --reuse {reuse}")
        self.fresh, self.reuse = batch // reuse, reuse
        self.generator, self.host = generator, host
        # newest first: group number g is used now and REUSE_DISTANCE, 2 * REUSE_DISTANCE, ... later
        self.groups = collections.deque(maxlen=REUSE_DISTANCE * (reuse - 1) + 1)
        while len(self.groups) < self.groups.maxlen - 1:
            self.groups.appendleft(self._render())

    def _render(self):
        return render_batch(self.fresh, self.generator, IMAGE_SIZE, self.host)

    def next(self):
        self.groups.appendleft(self._render())
        if self.reuse == 1:
            return self.groups[0]
        chosen = [self.groups[REUSE_DISTANCE * use] for use in range(self.reuse)]
        image, depth, fov_deg = (torch.cat(parts) for parts in zip(*chosen))
        return *vary(image, depth, self.generator), fov_deg


def vary(image, depth, generator):
    """Mirrors half of the scenes and changes brightness and white balance; the field of view stays.
    image [N, 3, H, W] in 0..255, depth [N, H, W]."""
    count, device = len(image), image.device
    mirrored = torch.rand(count, 1, 1, 1, generator=generator, device=device) < 0.5
    image = torch.where(mirrored, image.flip(-1), image)
    depth = torch.where(mirrored[:, 0], depth.flip(-1), depth)
    light = 0.8 + 0.4 * torch.rand(count, 1, 1, 1, generator=generator, device=device)
    tint = 0.95 + 0.1 * torch.rand(count, 3, 1, 1, generator=generator, device=device)
    return torch.round(torch.clamp(image * (light * tint), 0, 255)), depth


def safe_log(x):
    """log(x) down to LOG_KNEE, its tangent below."""
    return torch.log(torch.clamp(x, min=LOG_KNEE)) + torch.clamp(x - LOG_KNEE, max=0) / LOG_KNEE


def gradient_difference(error, scales=4):
    """Mean |d error/dx| + |d error/dy| over halved resolutions: compares edges and slopes, whatever
    the scale of the scene. error [N, 1, H, W]."""
    total = 0.0
    for _ in range(scales):
        across = (error[..., :, 1:] - error[..., :, :-1]).abs().mean()
        down = (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
        total = total + across + down
        error = torch.nn.functional.avg_pool2d(error, 2)
    return total / scales


def loss_terms(raw, fov_deg, depth, true_fov):
    """Unweighted terms. raw [N, 1, H, W] output before the final ReLU, depth [N, H, W] metres."""
    tangent = torch.tan(torch.deg2rad(true_fov) / 2)[:, None, None, None]
    target = 0.5 / (tangent * depth[:, None])  # (f_px / W) / metres
    log_error = safe_log(raw) - torch.log(target)
    # "log" alone teaches no shape while the scale of a scene is off: all pixels pull the same way
    shape_error = log_error - log_error.mean(dim=(1, 2, 3), keepdim=True)
    return {
        "inverse": (raw - target).abs().mean(),
        "log": log_error.abs().mean(),
        "shape": shape_error.abs().mean(),
        "gradient": gradient_difference(log_error),
        "fov": (fov_deg - true_fov).abs().mean(),
    }


def learning_rate(fraction, step, peak, warmup):
    """Cosine over the fraction of the wall-clock budget, linear warm-up over the first steps."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(fraction, 1.0)))
    return peak * min(1.0, (step + 1) / warmup) * (0.002 + 0.998 * cosine)


@torch.no_grad()
def update_average(average, network, step, horizon):
    """Exponential moving average of the weights; short memory at first, `horizon` steps later."""
    decay = min(1 - 1 / horizon, (1 + step) / (10 + step))
    kept, current = list(average.parameters()), list(network.parameters())
    torch._foreach_mul_(kept, decay)
    torch._foreach_add_(kept, current, alpha=1 - decay)


def save_weights(network, path):
    """Writes the state dict whole or not at all, contiguous float32 on the CPU."""
    state = {
        name: value.detach().to("cpu", torch.float32).contiguous()
        for name, value in network.state_dict().items()
    }
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)


def parameter_groups(network, decay):
    """Weight decay for matrices and kernels only; not for biases, norms and positions."""
    decayed, free = [], []
    for name, parameter in network.named_parameters():
        (decayed if parameter.ndim > 1 and "position" not in name else free).append(parameter)
    return [{"params": decayed, "weight_decay": decay}, {"params": free, "weight_decay": 0.0}]


def compiled(network, enabled, batch):
    """The training forward, through torch.compile where asked for and possible."""
    if not enabled or not hasattr(torch, "compile"):
        return network.forward_raw
    try:
        forward = torch.compile(network.forward_raw)
        device = next(network.parameters()).device
        # both directions at the real batch size, so that compiling is over before the clock starts
        with mixed_precision(device):
            raw, fov_deg = forward(torch.zeros(batch, 3, IMAGE_SIZE, IMAGE_SIZE, device=device))
        (raw.float().mean() + fov_deg.float().mean()).backward()
        return forward
    except Exception as error:  # any compiler failure only costs speed
        print(f"torch.compile failed, going on without it: {error}", flush=True)
        return network.forward_raw
    finally:
        network.zero_grad(set_to_none=True)


def mixed_precision(device):
    """bfloat16 autocast on an accelerator, nothing on a CPU."""
    if device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return contextlib.nullcontext()


def train(options, device, out, rank=0, exchange=None):
    """Runs until the wall-clock budget is spent; returns (averaged network, steps, seconds). Worker
    0 alone writes files."""
    torch.manual_seed(options.seed)
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    # denormal numbers slow a CPU down, and nothing here needs them
    torch.set_flush_denormal(True)
    network = PocketNetwork().to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(network).eval()
    # the weights start the same in all workers, the scenes differ
    generator = torch.Generator(device=device).manual_seed(options.seed + 1000 * rank)
    host = torch.Generator().manual_seed(options.seed + 1000 * rank)
    optimizer = torch.optim.AdamW(
        parameter_groups(network, 0.02), lr=options.lr, betas=(0.9, 0.98), eps=1e-8
    )
    forward = compiled(network, options.compile, options.batch)
    source = SceneSource(options.batch // options.workers, options.reuse, generator, host)

    budget = options.minutes * 60
    step = skipped = 0
    batch = source.next()
    started = saved = time.monotonic()
    elapsed = 0.0
    with open(out / "loss.csv" if rank == 0 else os.devnull, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "seconds", "lr", "total", *WEIGHTS])
        while True:
            if exchange is None:
                elapsed = time.monotonic() - started
            if elapsed >= budget:
                break
            rate = learning_rate(elapsed / budget, step, options.lr, options.warmup)
            for group in optimizer.param_groups:
                group["lr"] = rate

            image, depth, fov_deg = batch
            with mixed_precision(device):
                raw, predicted_fov = forward(normalise(image))
            terms = loss_terms(raw.float(), predicted_fov.float(), depth, fov_deg)
            total = sum(WEIGHTS[name] * term for name, term in terms.items())

            optimizer.zero_grad(set_to_none=True)
            total.backward()
            if exchange is not None:
                # the clock is agreed upon too, so that all workers stop after the same step
                scalars = [time.monotonic() - started, total.item()]
                scalars += [term.item() for term in terms.values()]
                elapsed, *values = exchange.share_gradients(rank, network, scalars)
                total, *values = (torch.tensor(value) for value in values)
                terms = dict(zip(terms, values))
            norm = torch.nn.utils.clip_grad_norm_(network.parameters(), options.clip)
            # queued before the wait below, so that it is laid out while the gradients are computed
            batch = source.next()
            # the one wait of a step; it also keeps the wall clock honest
            if math.isfinite(norm.item()):
                optimizer.step()
                update_average(average, network, step, options.average)
                skipped = 0
            else:
                skipped += 1
                print(f"step {step}: gradient is not finite, step skipped", flush=True)
                if skipped >= MAX_SKIPPED:
                    raise SystemExit(f"{MAX_SKIPPED} steps in a row without a finite gradient")

            if rank == 0 and (step % LOG_EVERY == 0 or options.log_all):
                values = {"total": total.item(), **{k: term.item() for k, term in terms.items()}}
                rounded = [f"{value:.5f}" for value in values.values()]
                writer.writerow([step, f"{elapsed:.2f}", f"{rate:.3g}", *rounded])
                file.flush()
                if step % (LOG_EVERY * 10) == 0 or options.log_all:
                    named = "  ".join(f"{name} {value:.4f}" for name, value in values.items())
                    print(f"step {step}  {elapsed:.1f} s  {named}  norm {norm:.2f}", flush=True)
            if rank == 0 and time.monotonic() - saved > CHECKPOINT_SECONDS:
                save_weights(average, out / "checkpoint.pt")
                saved = time.monotonic()
            step += 1
    return average, step, time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=9.0, help="wall-clock budget of training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--reuse", type=int, default=1, help="batches that each scene serves in")
    parser.add_argument("--lr", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument("--warmup", type=int, default=200, help="steps of linear warm-up")
    parser.add_argument("--clip", type=float, default=1.0, help="largest gradient norm")
    parser.add_argument("--average", type=int, default=1000, help="steps that weights average over")
    parser.add_argument("--eval-scenes", type=int, default=512)
    parser.add_argument("--compile", action="store_true", help="use torch.compile")
    parser.add_argument("--log-all", action="store_true", help="log every step")
    parser.add_argument("--workers", type=int, default=1, help="CPU processes that share a batch")
    options = parser.parse_args()

    options.out.mkdir(parents=True, exist_ok=True)
    if options.workers == 1:
        work(0, options, None)
        return
    if options.batch % options.workers:
        raise SystemExit(f"--batch {options.batch} is no multiple of --workers {options.workers}")
    # gradients, clock, total and terms
    exchange = Exchange(options.workers, count_parameters(PocketNetwork()) + 2 + len(WEIGHTS))
    torch.multiprocessing.spawn(work, (options, exchange), nprocs=options.workers)


def work(rank, options, exchange):
    """Trains; worker 0 then evaluates and writes the results."""
    accelerated = torch.cuda.is_available() and exchange is None
    device = torch.device("cuda" if accelerated else "cpu")
    if exchange is not None:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // options.workers))
    average, steps, seconds = train(options, device, options.out, rank, exchange)
    if rank > 0:
        return
    save_weights(average, options.out / "pocket.pt")
    (options.out / "checkpoint.pt").unlink(missing_ok=True)

    # a stream of scenes that training never draws from
    metrics = evaluate(average, device, options.seed + 10_000, options.eval_scenes)
    metrics["training"] = {
        "steps": steps,
        "minutes": round(seconds / 60, 3),
        "batch": options.batch,
        "workers": options.workers,
        "scenes_rendered": steps * options.batch // options.reuse,
        "peak_learning_rate": options.lr,
        "seed": options.seed,
        "parameters": count_parameters(average),
        "device": (
            torch.cuda.get_device_name(0)
            if device.type == "cuda"
            else f"CPU, {torch.get_num_threads() * options.workers} threads"
        ),
        "torch": torch.__version__,
    }
    text = json.dumps(metrics, indent=2) + "\n"
    (options.out / "metrics.json").write_text(text)
    print(text, flush=True)


if __name__ == "__main__":
    main()
