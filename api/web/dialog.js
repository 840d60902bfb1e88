// Questions before something is ended. The browser's own dialog keeps the
// focus inside, closes on Esc, and gives the focus back.
import { Problem } from "./api.js";
import { h, say, text } from "./dom.js";

/**
 * ask shows a question; fields are {name, label, choices | placeholder}. The action gets
 * the answers; what it throws is shown, and the dialog stays.
 */
export function ask({ title, words, fields = [], confirm, action }) {
  const inputs = fields.map(field);
  const error = h("p", { class: "error", role: "alert" });
  const go = h("button", { type: "submit", class: "danger" }, confirm);
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, h("form", { onsubmit: submit },
    h("h2", { id: "dialog-title" }, title), h("p", {}, words), inputs.map((i) => i.el), error,
    h("p", { class: "buttons" }, h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Leave it"), go)));
  async function submit(e) {
    e.preventDefault();
    go.disabled = true;
    try {
      await action(Object.fromEntries(inputs.map((i) => [i.name, i.value()])));
      dialog.close();
      say(`${confirm}: done`);
    } catch (err) {
      if (!(err instanceof Problem)) throw err;
      text(error, `${err.message}.`);
    } finally {
      go.disabled = false;
    }
  }
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  (inputs[0]?.focus ?? go).focus();
}

function field({ name, label, choices, placeholder }) {
  if (!choices) {
    const input = h("input", { type: "text", maxlength: 200, placeholder, autocomplete: "off" });
    return { name, el: h("label", {}, label, input), value: () => input.value.trim(), focus: input };
  }
  const radios = choices.map(([value], i) => h("input", { type: "radio", name, value, checked: i === 0 }));
  const el = h("fieldset", {}, h("legend", {}, label), choices.map(([, words], i) => h("label", { class: "check" }, radios[i], " ", words)));
  return { name, el, value: () => radios.find((r) => r.checked).value, focus: radios[0] };
}
