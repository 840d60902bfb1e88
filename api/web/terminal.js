// What a job prints, as a terminal would leave it, without what could change
// the look of anything: no colours, no cursor, no text that runs backwards.

const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[PX^_][^\x1b\n]*\x1b\\|[ -/]*[0-Z\\^-~])/g;
const UNFINISHED = /\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b\n]*\x1b?|[ -/]*)?$/;
const CONTROLS = /[\x00-\x07\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const LONGEST_LINE = 8192; // characters; then a line is broken
const LONGEST_ESCAPE = 4096;

/** Terminal turns pieces of output into whole lines and the line under way. */
export class Terminal {
  constructor() {
    this.rest = ""; // an escape sequence that has not ended
    this.line = "";
    this.column = 0;
  }

  /** write takes a piece and returns the text of the lines that it ended. */
  write(piece) {
    let input = this.rest + piece;
    this.rest = input.match(UNFINISHED)?.[0] ?? "";
    if (this.rest.length > LONGEST_ESCAPE) this.rest = "";
    input = input.slice(0, input.length - this.rest.length).replace(ESCAPES, "").replace(CONTROLS, "");
    let done = "";
    for (const part of input.split(/([\n\r\b])/)) done += this.#take(part);
    return done;
  }

  #take(part) {
    if (part === "\n") return this.#end();
    if (part === "\r") this.column = 0;
    else if (part === "\b") this.column = Math.max(0, this.column - 1);
    else return this.#print(part);
    return "";
  }

  #print(part) {
    let done = "";
    let left = part;
    while (this.column + left.length > LONGEST_LINE) {
      const fits = Math.max(0, LONGEST_LINE - this.column);
      this.#over(left.slice(0, fits));
      left = left.slice(fits);
      done += this.#end();
    }
    this.#over(left);
    return done;
  }

  #over(part) {
    this.line = this.line.slice(0, this.column) + part + this.line.slice(this.column + part.length);
    this.column += part.length;
  }

  #end() {
    const line = `${this.line}\n`;
    this.line = "";
    this.column = 0;
    return line;
  }
}
