// The stepper: two workers each add one to the same number, in an order that the reader chooses.
//
// The one file serves the widget of stepper.py and the site, which has no kernel. First comes what
// happens, as functions without side effects; then how it is drawn, in the function `render`.

// What happens

export const WORKERS = ["A", "B"];

const STEP = {
  take: { name: "take the lock", code: "lock.acquire()" },
  read: { name: "read", code: "seen = counter.value" },
  add: { name: "add", code: "total = seen + 1" },
  write: { name: "write", code: "counter.value = total" },
  give: { name: "give the lock back", code: "lock.release()" },
};

/** The steps of each worker, in order. */
export function stepsOf(lock) {
  return lock ? ["take", "read", "add", "write", "give"] : ["read", "add", "write"];
}

/** The state before the first step. */
export function begin(lock) {
  const fresh = { taken: 0, seen: null, total: null };
  return { lock, schedule: "", counter: 0, holder: null, lost: false, A: fresh, B: fresh };
}

/** The worker's next step; undefined when it has finished. */
export function nextStep(state, worker) {
  return stepsOf(state.lock)[state[worker].taken];
}

function other(worker) {
  return WORKERS.find((each) => each !== worker);
}

/** Whether the worker stands at a lock that the other one holds. */
export function waits(state, worker) {
  return nextStep(state, worker) === "take" && state.holder !== null;
}

/** The workers that can take a step now. */
export function possible(state) {
  return WORKERS.filter((worker) => nextStep(state, worker) && !waits(state, worker));
}

export function finished(state) {
  return WORKERS.every((worker) => !nextStep(state, worker));
}

/** The state after one more step of this worker, which has to be possible. */
export function step(state, worker) {
  const kind = nextStep(state, worker);
  const own = { ...state[worker], taken: state[worker].taken + 1 };
  const after = { ...state, [worker]: own, schedule: state.schedule + worker };
  if (kind === "take") after.holder = worker;
  if (kind === "read") own.seen = state.counter;
  if (kind === "add") own.total = own.seen + 1;
  if (kind === "write") {
    after.lost = state.lost || state.counter !== own.seen; // it overwrites what it has not seen
    after.counter = own.total;
  }
  if (kind === "give") after.holder = null;
  return after;
}

/** What a typed schedule leads to: the state as far as it is possible, and what is wrong then. */
export function parse(text, lock) {
  const { state, place } = follow(text, lock);
  if (place === undefined) return { state, problem: "" };
  const problem = problemAt(place, [...text][place], state);
  const possibleOtherwise = follow(text, !lock).place === undefined;
  const remedy = ` ${lock ? "Without" : "With"} the lock the text is possible.`;
  return { state, problem: possibleOtherwise ? problem + remedy : problem };
}

/** Take the steps of a text; `place` is that of the first character that is not possible. */
function follow(text, lock) {
  let state = begin(lock);
  for (const [place, letter] of [...text].entries()) {
    if (/\s/.test(letter)) continue;
    const worker = letter.toUpperCase();
    if (!possible(state).includes(worker)) return { state, place };
    state = step(state, worker);
  }
  return { state };
}

function problemAt(place, letter, state) {
  const can = possible(state);
  const remedy = can.length ? `${can.join(" or ")} is possible there` : "nothing can follow";
  const reason = whyNot(letter.toUpperCase(), state);
  return `Character ${place + 1} is “${letter}”, ${reason}: ${remedy}.`;
}

function whyNot(worker, state) {
  if (finished(state)) return "but both workers have finished";
  if (!WORKERS.includes(worker)) return "which is neither A nor B";
  if (waits(state, worker)) return `but ${worker} waits for the lock, which ${state.holder} holds`;
  return `but ${worker} has taken all its ${stepsOf(state.lock).length} steps`;
}

/** Every way to go on from this state until both workers have finished. */
export function everyEnd(state) {
  if (finished(state)) return [state];
  return possible(state).flatMap((worker) => everyEnd(step(state, worker)));
}

/** How many ways to go on from this state there are, and how many of them lose an update. */
export function count(state) {
  const ends = everyEnd(state);
  return { all: ends.length, losing: ends.filter((end) => end.lost).length };
}

/** A whole schedule drawn by lot: at each step any worker that can take one is as likely. */
export function play(seed, lock) {
  const draw = randomNumbers(seed);
  let state = begin(lock);
  while (!finished(state)) {
    const can = possible(state);
    state = step(state, can[Math.floor(draw() * can.length)]);
  }
  return state.schedule;
}

/** Numbers from 0 up to 1, the same for the same seed everywhere (the generator mulberry32). */
function randomNumbers(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// What is said

/** The sentence for the last step of this state. */
export function lastStep(state) {
  if (!state.schedule) {
    const lock = state.lock ? ", and the lock is free" : "";
    return `The counter is 0${lock}. Who takes the first step?`;
  }
  const worker = state.schedule.at(-1);
  const before = parse(state.schedule.slice(0, -1), state.lock).state;
  const { seen, total } = state[worker];
  const told = {
    take: "takes the lock.",
    read: `reads ${seen}.`,
    add: `adds one to what it has read: ${total}.`,
    write:
      before.counter === seen
        ? `writes ${total}.`
        : `writes ${total} over the ${before.counter} of ${other(worker)}.`,
    give: "gives the lock back.",
  };
  return `Worker ${worker} ${told[nextStep(before, worker)]}`;
}

/** What became of the number. */
export function result(state) {
  if (!finished(state)) return "";
  const lost = state.lost ? "one update is lost" : "no update is lost";
  return `The counter shows ${state.counter}: ${lost}.`;
}

/** How many schedules lose an update, of all and of those that begin like this one. */
export function counted(state) {
  const every = count(begin(state.lock));
  const all = `${every.losing} of ${every.all} schedules lose an update`;
  const said = state.lock ? `With the lock, ${all}` : all;
  if (!state.schedule || finished(state)) return `${said}.`;
  const here = count(state);
  return `${said}; of those that begin like this one, ${here.losing} of ${here.all}.`;
}

/** What to say when the schedule was another one before. */
export function whatChanged(before, state) {
  const isBack = before !== "" && before.slice(0, -1) === state.schedule;
  return isBack ? `One step back. ${lastStep(state)}` : lastStep(state);
}

// How it is drawn: the colours are those of the course's pictures

const STYLE = `
.mb-step {
  --ground: var(--jp-layout-color1, var(--pst-color-background, #ffffff));
  --raised: var(--jp-layout-color2, var(--pst-color-surface, #f3f4f5));
  --ink: var(--jp-content-font-color1, var(--pst-color-text-base, #262626));
  --line: var(--jp-border-color1, var(--pst-color-border, #b3b3b3));
  --alarm: #b23a00;
  --mono: 13px/1.5 ui-monospace, "DejaVu Sans Mono", monospace;
  container-type: inline-size;
  max-width: 62rem;
  margin: 0.5rem 0;
  border: 1px solid var(--line);
  border-radius: 6px;
  background: var(--ground);
  color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif;
}
.mb-step * { box-sizing: border-box; }
.mb-step-all, .mb-step-card { display: flex; flex-direction: column; gap: 0.7rem; }
.mb-step-all { padding: 0.8rem; }
/* The page around it has rules of its own for these: the class twice outweighs them. */
.mb-step.mb-step :is(p, ol, li, label) { margin: 0; color: inherit; }
.mb-step.mb-step ol { padding: 0; }
.mb-step ol { list-style: none; }
.mb-step [data-worker="A"] { --own: #4f6b85; --on-own: #ffffff; }
.mb-step [data-worker="B"] { --own: #ccd4db; --on-own: #262626; }
.mb-step-said {
  display: flex;
  flex-wrap: wrap;
  gap: 0.3rem 0.8rem;
  align-items: center;
  min-height: 2.2em;
  font-size: 1.1em;
  font-weight: 600;
}
.mb-step-stage {
  display: grid;
  gap: 0.8rem;
  grid-template: "a shared b" auto / 1fr minmax(10.5rem, 0.6fr) 1fr;
}
.mb-step-card { min-width: 0; padding: 0.7rem; border-radius: 6px; background: var(--raised); }
.mb-step-card[data-worker="A"] { grid-area: a; }
.mb-step-card[data-worker="B"] { grid-area: b; }
.mb-step-card:not([data-worker]) { grid-area: shared; text-align: center; }
.mb-step-title { font-weight: 600; white-space: nowrap; }
[data-worker] > .mb-step-title { border-bottom: 4px solid var(--own); }
.mb-step-code li {
  padding: 0.15rem 0.4rem;
  border-left: 4px solid transparent;
  border-radius: 3px;
  font: var(--mono);
  overflow-wrap: anywhere;
}
.mb-step-code li.done { border-left-color: var(--own); }
.mb-step-code li[aria-current] { background: var(--own); color: var(--on-own); font-weight: 700; }
.mb-step-memory { display: flex; gap: 0.4rem; }
.mb-step-memory > div {
  flex: 1;
  padding: 0.2rem 0.4rem;
  border: 1px dashed currentColor;
  border-radius: 4px;
}
.mb-step-card:not([data-worker]) .mb-step-memory { flex-direction: column; }
.mb-step-card:not([data-worker]) .mb-step-memory > div { border: 2px solid currentColor; }
.mb-step-name { font: var(--mono); }
.mb-step-cell { font-size: 1.2em; font-weight: 600; }
.mb-step-card:not([data-worker]) .mb-step-cell { font-size: 1.5em; }
.mb-step :is(button, input) {
  min-height: 2.75rem;
  margin: 0;
  padding: 0.3rem 0.8rem;
  border: 2px solid currentColor;
  border-radius: 5px;
  background: var(--ground);
  color: var(--ink);
  font: inherit;
}
.mb-step button { cursor: pointer; }
.mb-step-card button {
  margin-top: auto;
  border-color: var(--ink);
  background: var(--own);
  color: var(--on-own);
  font-size: 1.1em;
  font-weight: 600;
}
.mb-step button[aria-disabled="true"] {
  border-style: dashed;
  background: transparent;
  color: var(--ink);
  font-weight: 400;
  cursor: default;
}
.mb-step :is(button, input):focus-visible { outline: 3px solid var(--ink); outline-offset: 2px; }
.mb-step-track {
  display: grid;
  gap: 3px;
  grid-template-columns: repeat(var(--steps), 1fr);
}
.mb-step-track li {
  min-height: 1.9rem;
  padding: 0.2rem;
  border: 1px dashed var(--line);
  border-radius: 3px;
  text-align: center;
  font-size: 0.87em;
}
.mb-step-track li[data-worker] {
  border: 1px solid var(--own);
  background: var(--own);
  color: var(--on-own);
}
.mb-step-row { display: flex; flex-wrap: wrap; gap: 0.5rem 0.8rem; align-items: center; }
.mb-step.mb-step label { display: flex; gap: 0.4rem; align-items: center; min-height: 2.75rem; }
.mb-step input { width: 9rem; border-width: 1px; font: var(--mono); font-size: 15px; }
.mb-step input[type="number"] { width: 7rem; }
.mb-step input[type="checkbox"] { width: 1.2rem; min-height: 1.2rem; }
.mb-step-result:not(:empty) { padding: 0.2rem 0.6rem; border: 2px solid; border-radius: 4px; }
.mb-step.mb-step .mb-step-result.lost {
  border-color: var(--alarm);
  background: var(--alarm);
  color: #ffffff;
}
.mb-step-problem:not(:empty) { padding-left: 0.6rem; border-left: 4px solid var(--alarm); }
.mb-step.mb-step .mb-step-problem:empty { margin-top: -0.7rem; } /* it takes no room */
.mb-step kbd {
  padding: 0 0.3rem;
  border: 1px solid currentColor;
  border-radius: 3px;
  background: transparent;
  color: inherit;
  font: inherit;
  box-shadow: none;
}
@container (max-width: 600px) {
  .mb-step-stage { grid-template: "shared shared" auto "a b" auto / 1fr 1fr; gap: 0.5rem; }
  .mb-step-card { padding: 0.5rem; }
  .mb-step-card:not([data-worker]) .mb-step-memory { flex-direction: row; }
  .mb-step-card:not([data-worker]) .mb-step-cell { font-size: 1.2em; }
  .mb-step-code li { padding: 0.15rem 0.2rem; font-size: 12px; }
  .mb-step-track { grid-template-columns: repeat(calc(var(--steps) / 2), 1fr); }
  .mb-step-said { min-height: 5.6em; }
}
`;

let views = 0; // for ids that differ, where a page has several steppers

/** An element; what has a hyphen in its name, or is a role, is set as an attribute. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** A card, named by its title. */
function makeCard(title, attributes, ...children) {
  const named = { className: "mb-step-card", role: "group", "aria-label": title, ...attributes };
  return make("div", named, make("p", { className: "mb-step-title" }, title), ...children);
}

function makeCell() {
  return make("p", { className: "mb-step-cell" });
}

/** A row of cells of memory, each with its name. */
function makeMemory(cells) {
  const named = Object.entries(cells).map(([name, cell]) => {
    return make("div", {}, make("p", { className: "mb-step-name" }, name), cell);
  });
  return make("div", { className: "mb-step-memory" }, ...named);
}

/** The card of one worker, and how to show a state on it. */
function workerCard(worker, act) {
  const code = make("ol", { className: "mb-step-code", "aria-label": `Code of worker ${worker}` });
  const seen = makeCell();
  const total = makeCell();
  const button = make("button", { type: "button", onclick: () => act(worker) });
  const memory = makeMemory({ seen, total });
  const card = makeCard(`Worker ${worker}`, { "data-worker": worker }, code, memory, button);
  const show = (state) => {
    code.replaceChildren(...codeOf(state, worker));
    seen.textContent = state[worker].seen ?? "–";
    total.textContent = state[worker].total ?? "–";
    button.textContent = buttonText(state, worker);
    button.setAttribute("aria-disabled", String(!possible(state).includes(worker)));
  };
  return { card, show };
}

function codeOf(state, worker) {
  const { taken } = state[worker];
  return stepsOf(state.lock).map((kind, place) => {
    const line = make("li", { className: place < taken ? "done" : "" }, STEP[kind].code);
    if (place === taken) line.setAttribute("aria-current", "step");
    return line;
  });
}

function buttonText(state, worker) {
  if (waits(state, worker)) return `${worker} waits for the lock`;
  const kind = nextStep(state, worker);
  return kind ? `${worker}: ${STEP[kind].name}` : `${worker} has finished`;
}

/** What both workers can reach: the number, and the lock. */
function sharedCard() {
  const counter = makeCell();
  const lock = makeCell();
  const card = makeCard("Shared memory", {}, makeMemory({ "counter.value": counter, lock }));
  const show = (state) => {
    counter.textContent = state.counter;
    const held = state.holder ? `held by ${state.holder}` : "free";
    lock.textContent = state.lock ? held : "none";
  };
  return { card, show };
}

/** The steps taken, as a row of the course's picture of all orders, with places for the others. */
function trackOf(state) {
  const taken = { A: 0, B: 0 };
  const steps = stepsOf(state.lock);
  const done = [...state.schedule].map((worker) => {
    return make("li", { "data-worker": worker }, `${worker} ${steps[taken[worker]++]}`);
  });
  const open = 2 * steps.length - done.length;
  return [...done, ...Array.from({ length: open }, () => make("li", { "aria-hidden": "true" }))];
}

function render({ model, el }) {
  const id = `mb-step-${++views}`;
  const now = () => parse(model.get("schedule"), model.get("lock"));
  const say = (text) => {
    sentence.textContent = text;
  };
  const set = (changes) => {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
  };
  const act = (worker) => {
    const { state } = now();
    if (possible(state).includes(worker)) set({ schedule: step(state, worker).schedule });
    else if (waits(state, worker)) say(`Worker ${worker} waits: ${state.holder} holds the lock.`);
    else say(`Worker ${worker} has finished.`);
  };
  const goBack = () => {
    const { state } = now();
    if (state.schedule) set({ schedule: state.schedule.slice(0, -1) });
    else say("There is no step to take back.");
  };
  const beginAgain = () => {
    set({ schedule: "" });
    say(lastStep(now().state));
  };
  const playSeed = (seed) => {
    if (!Number.isInteger(seed) || seed < 0 || seed > 4294967295) {
      problem.textContent = "The seed is a whole number from 0 to 4294967295.";
      return;
    }
    problem.textContent = "";
    set({ seed, schedule: play(seed, model.get("lock")) });
    say(`Seed ${seed} plays ${now().state.schedule}.`);
  };

  const sentence = make("p");
  const outcome = make("p", { className: "mb-step-result" });
  const said = make("div", { className: "mb-step-said", role: "status" }, sentence, outcome);
  const cards = [...WORKERS.map((worker) => workerCard(worker, act)), sharedCard()];
  const [ofA, ofB, shared] = cards.map(({ card }) => card);
  const track = make("ol", { className: "mb-step-track", "aria-label": "Steps taken so far" });
  const counts = make("p");
  const problem = make("p", { className: "mb-step-problem", id: `${id}-problem`, role: "alert" });
  const text = make("input", {
    type: "text",
    autocomplete: "off",
    spellcheck: false,
    "aria-describedby": problem.id,
    oninput: () => {
      const typed = parse(text.value, model.get("lock"));
      problem.textContent = typed.problem;
      text.setAttribute("aria-invalid", String(typed.problem !== ""));
      if (!typed.problem) set({ schedule: typed.state.schedule });
    },
  });
  const lock = make("input", {
    type: "checkbox",
    onchange: () => {
      set({ schedule: "", lock: lock.checked });
      say(lastStep(now().state));
    },
  });
  const seed = make("input", { type: "number", min: 0, max: 4294967295, step: 1 });
  const button = (label, onclick) => make("button", { type: "button", onclick }, label);
  const back = button("Back one step", goBack);
  const again = button("Begin again", beginAgain);
  const whole = () => (seed.value === "" ? NaN : Number(seed.value));
  const keys = ["A", "B", "Backspace"].map((key) => make("kbd", {}, key));
  const row = (...children) => make("div", { className: "mb-step-row" }, ...children);
  const all = make(
    "div",
    { className: "mb-step-all" },
    said,
    make("div", { className: "mb-step-stage" }, ofA, shared, ofB),
    track,
    counts,
    row(back, again, make("label", {}, lock, "with a lock"), make("label", {}, "Schedule", text)),
    problem,
    row(
      make("label", {}, "Seed", seed),
      button("Play at random", () => playSeed(whole())),
      button("Next seed", () => playSeed(whole() + 1)),
      make("span", {}, "Keys: ", ...keys.flatMap((key) => [key, " "])),
    ),
  );
  const attributes = {
    className: "mb-step",
    "aria-label": "Stepper: two workers add one to the same number",
    tabIndex: -1, // a click beside the buttons gives it the focus, and so its keys
  };
  const root = make("section", attributes, make("style", {}, STYLE), all);
  for (const each of [root, ...root.querySelectorAll("button, input")]) {
    // JupyterLab asks what has the focus: A and B would insert cells, Enter would edit one.
    each.setAttribute("data-lm-suppress-shortcuts", "true");
  }
  root.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=checkbox])");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toUpperCase();
    if (WORKERS.includes(key)) act(key);
    else if (event.key === "Backspace") goBack();
    else return;
    event.preventDefault();
  });

  let before = "";
  const draw = () => {
    const found = now();
    const { state } = found;
    for (const { show } of cards) show(state);
    track.replaceChildren(...trackOf(state));
    track.style.setProperty("--steps", track.childElementCount);
    outcome.textContent = result(state);
    outcome.classList.toggle("lost", state.lost);
    counts.textContent = counted(state);
    problem.textContent = found.problem;
    text.setAttribute("aria-invalid", String(found.problem !== ""));
    const shown = found.problem ? model.get("schedule") : state.schedule;
    if (text.value.replace(/\s/g, "").toUpperCase() !== shown) text.value = shown;
    lock.checked = state.lock;
    seed.value = model.get("seed");
    for (const each of [back, again]) each.setAttribute("aria-disabled", String(!state.schedule));
    say(whatChanged(before, state));
    before = state.schedule;
  };
  const watched = ["schedule", "lock", "seed"].map((name) => `change:${name}`);
  for (const event of watched) model.on(event, draw);
  draw();
  el.append(root);
  return () => {
    for (const event of watched) model.off(event, draw);
  };
}

/** What `render` draws where there is no kernel: a model that keeps its values to itself. */
export function plainModel(values = { schedule: "", lock: false, seed: 1 }) {
  const drawn = new Set();
  return {
    get: (name) => values[name],
    set: (name, value) => {
      values[name] = value;
      for (const draw of drawn) draw();
    },
    on: (_event, draw) => drawn.add(draw),
    off: (_event, draw) => drawn.delete(draw),
    save_changes: () => {},
  };
}

export default { render };
