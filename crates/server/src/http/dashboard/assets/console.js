// What the pages gain from script. Each works without it.

const root = document.documentElement;
root.classList.add("js");

const all = (within, selector) =>
  [within, ...within.querySelectorAll(selector)].filter((one) => one.matches?.(selector));

// What is said aloud.
const speaker = document.createElement("div");
speaker.className = "visually-hidden";
speaker.setAttribute("aria-live", "polite");
document.body.append(speaker);

function say(text) {
  // An equal text would not be announced a second time.
  speaker.textContent = "";
  setTimeout(() => (speaker.textContent = text), 50);
}

// Times, in the reader's zone.
// The page's language, as the reader's region writes it.
const pageLanguage = root.lang || "en";
const language = navigator.languages?.find((one) => one.startsWith(pageLanguage)) ?? pageLanguage;
const written = (dateStyle, timeStyle) => new Intl.DateTimeFormat(language, { dateStyle, timeStyle }).format;
const exact = written("full", "long");
const FORMATS = { relative: distance, date: written("medium"), datetime: written("medium", "short") };
const distances = new Intl.RelativeTimeFormat(language);
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];
const FAR = 30 * 86400;

function distance(date) {
  const seconds = (date - Date.now()) / 1000;
  if (Math.abs(seconds) >= FAR) return FORMATS.date(date);
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return distances.format(Math.trunc(seconds / length), unit);
  }
  return seconds > 0 ? "in less than a minute" : "just now";
}

function showTime(time) {
  const date = new Date(time.dateTime);
  if (Number.isNaN(date.getTime())) return;
  time.textContent = (FORMATS[time.dataset.format] ?? FORMATS.datetime)(date);
  time.title = `${exact(date)} (${time.dateTime})`;
}

setInterval(() => all(document, 'time[data-format="relative"]').forEach(showTime), 30000);

// Copying.
async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Without TLS, and not on loopback, a page has no clipboard but this one.
  const box = document.createElement("textarea");
  box.value = text;
  box.className = "visually-hidden";
  document.body.append(box);
  box.select();
  const done = document.execCommand("copy");
  box.remove();
  if (!done) throw new Error("no clipboard");
}

async function copy(button) {
  const source = document.querySelector(button.dataset.copy);
  if (!source) return;
  const label = button.querySelector("[data-copy-label]");
  const use = button.querySelector("use");
  try {
    await write((source.value ?? source.textContent).trim());
  } catch {
    getSelection().selectAllChildren(source);
    return say("It could not be copied. The text is selected.");
  }
  button.focus();
  say("Copied");
  if (button.dataset.copied) return;
  const before = [label?.textContent, use?.getAttribute("href")];
  const show = (text, href) => {
    if (label) label.textContent = text;
    use?.setAttribute("href", href);
  };
  button.dataset.copied = "yes";
  show("Copied", before[1]?.replace(/#.*/, "#check"));
  setTimeout(() => {
    delete button.dataset.copied;
    show(...before);
  }, 2000);
}

// Notices.
function dismiss(button) {
  button.closest(".flash")?.remove();
  document.getElementById("main")?.focus({ preventScroll: true });
}

const openMenu = () => document.querySelector("details.nav-menu[open]");

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy], [data-dismiss]");
  if (button) (button.dataset.copy ? copy : dismiss)(button);
  const menu = openMenu();
  if (menu && !menu.contains(event.target)) menu.open = false;
});

// A deletion confirmed by typing the name.
function confirmTyped(input) {
  const equal = input.value.trim() === input.dataset.confirmValue;
  for (const button of input.form?.querySelectorAll("button:not([type=button])") ?? []) {
    button.disabled = !equal;
  }
}

document.addEventListener("input", (event) => {
  if (event.target.matches?.("[data-confirm-value]")) confirmTyped(event.target);
});

// Leaving a form with changes.
const sent = new WeakSet();

function changed(field) {
  if (field.type === "hidden") return false;
  if (field.options) {
    const options = [...field.options];
    // A list without a chosen option shows its first one.
    if (!options.some((option) => option.defaultSelected)) return field.selectedIndex > 0;
    return options.some((option) => option.selected !== option.defaultSelected);
  }
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  return "defaultValue" in field && field.value !== field.defaultValue;
}

// A page that shows refused input again says `data-guard="changed"`: nothing of it is kept yet.
const unsaved = (form) =>
  !sent.has(form) && (form.dataset.guard || [...form.elements].some(changed));

document.addEventListener("submit", (event) => sent.add(event.target));
addEventListener("beforeunload", (event) => {
  if (all(document, "form[data-guard]").some(unsaved)) event.preventDefault();
});
addEventListener("pageshow", () => {
  all(document, "form").forEach((form) => sent.delete(form));
  all(document, "[data-confirm-value]").forEach(confirmTyped);
});

// Keyboard.
const SHORTCUTS = "keyward.shortcuts";
const searchBox = () => document.querySelector("input[type=search]");

// A browser that stores nothing for this site throws.
function shortcuts() {
  try {
    return localStorage.getItem(SHORTCUTS) !== "off";
  } catch {
    return true;
  }
}

function step(by) {
  const rows = all(document, "table[data-keys] tbody tr");
  const links = rows.map((row) => row.querySelector("a[href]")).filter(Boolean);
  const row = document.activeElement.closest("tr");
  const at = links.findIndex((link) => link.closest("tr") === row);
  const next = at < 0 ? 0 : Math.min(Math.max(at + by, 0), links.length - 1);
  return focusOn(links[next]);
}

function escape(event) {
  const menu = openMenu();
  if (menu) menu.open = false;
  if (menu?.contains(event.target)) return focusOn(menu.querySelector("summary"));
  const search = searchBox();
  if (event.target !== search) return false;
  if (!search.value) return search.blur();
  search.value = "";
  search.dispatchEvent(new Event("input", { bubbles: true }));
  return true;
}

function focusOn(element) {
  element?.focus();
  element?.select?.();
  return Boolean(element);
}

const KEYS = {
  "/": () => focusOn(searchBox()),
  n: () => focusOn(document.querySelector("[data-new]")),
  j: () => step(1),
  k: () => step(-1),
};

const ARROWS = { ArrowDown: 1, ArrowUp: -1 };

function pressed(event) {
  if (event.key === "Escape") return escape(event);
  if (event.target.closest("table[data-keys]") && ARROWS[event.key]) return step(ARROWS[event.key]);
  return shortcuts() && Object.hasOwn(KEYS, event.key) && KEYS[event.key]();
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (typing && event.key !== "Escape") return;
  if (pressed(event)) event.preventDefault();
});

// Single-letter keys get in the way of speech input, so they can be turned off.
document.addEventListener("change", (event) => {
  if (!event.target.matches?.("[data-shortcuts]")) return;
  localStorage.setItem(SHORTCUTS, event.target.checked ? "on" : "off");
  root.classList.toggle("no-shortcuts", !event.target.checked);
});

// Every part of a page, now and when htmx brings another.
function enliven(within) {
  all(within, "time[data-format]").forEach(showTime);
  all(within, "[data-confirm-value]").forEach(confirmTyped);
  for (const box of all(within, "[data-shortcuts]")) box.checked = box.defaultChecked = shortcuts();
}

root.classList.toggle("no-shortcuts", !shortcuts());
document.querySelector(".tab[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
enliven(document);
document.addEventListener("htmx:load", (event) => enliven(event.detail.elt ?? event.target));
