/** C0 without tab and newline, DEL, C1, and the marks that turn the direction of text round. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Colours and cursor moves of a terminal, whole. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const sequence = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g

/** Text without colours and without any character that could steer a terminal; newlines and tabs stay. */
export function plain(text: string): string {
  return text.replace(sequence, '').replace(/\r\n?/g, '\n').replace(control, '\ufffd')
}
