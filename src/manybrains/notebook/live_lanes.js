// Draws the lanes of a run while it grows, in the style of the timeline.
//
// Model: `rows` (JSON: a list, one for each lane), `news` (JSON: run, name, now, workers, over, looks
// as [lane, seconds, CPU seconds of the lane so far, core]), `palette` (the colours of the cores).

const SVG = "http://www.w3.org/2000/svg";
const ROW = 35, TALLEST = 836, SPACING = 1.25; // pixels from row to row, of all; row and gap
// Of a lane, and of all; if there are more, those that lie closest together are dropped.
const MOST_POINTS = 2000, MOST_OF_ALL = 15000;
const OVER = 1.15, STEADY = 0.1; // as in records/run.py and plots/timeline_data.py
const EIGHT = 8, LINES = [null, 7, 0, 5, 2, 3, 4, 1]; // as in plots/core_colours.py
const SPANS = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600];
const CALM = 2000; // milliseconds between two pictures for readers who want little motion
const PAUSE = 10; // times as long as drawing takes: a slow machine draws less often

export default () => {
  let run = emptyRun(0);
  return {
    initialize({ model }) {
      const take = () => (run = taken(run, read(model, "rows", []), read(model, "news", {})));
      model.on("change:news", take);
      take();
    },
    render({ model, el }) {
      const picture = new Picture(el, () => model.get("palette"));
      const draw = () => picture.ask(run);
      const size = new ResizeObserver(draw);
      model.on("change:news", draw);
      size.observe(el);
      draw();
      return () => {
        model.off("change:news", draw);
        size.disconnect();
        picture.stop();
      };
    },
  };
};

function read(model, name, otherwise) {
  const text = model.get(name);
  return text ? JSON.parse(text) : otherwise;
}

// --- what is known -------------------------------------------------------------------------

function emptyRun(number) {
  return { number, name: "", now: 0, workers: 0, over: false, rows: [], points: new Map() };
}

/** The run with what a message tells; a message may tell again what is known. */
export function taken(run, rows, news) {
  if (news.run !== undefined && news.run !== run.number) run = emptyRun(news.run);
  const { name = run.name, now = run.now, workers = run.workers, over = run.over } = news;
  Object.assign(run, { name, now, workers, over, rows });
  const shown = new Set(rows.map((row) => row.id));
  for (const lane of run.points.keys()) if (!shown.has(lane)) run.points.delete(lane);
  const most = Math.min(MOST_POINTS, MOST_OF_ALL / Math.max(1, rows.length));
  for (const [lane, time, cpu, core] of news.looks ?? []) {
    if (!shown.has(lane)) continue;
    const points = run.points.get(lane) ?? run.points.set(lane, []).get(lane);
    if (points.length && time <= points.at(-1).time) continue;
    points.push({ time, cpu, core });
    if (points.length > most) run.points.set(lane, thinned(points, (2 * time) / most));
  }
  return run;
}

/** The points without those that follow another one within so many seconds. */
function thinned(points, seconds) {
  let last = -Infinity;
  const isKept = (point, place) => point.time - last >= seconds || place === points.length - 1;
  return points.filter((point, place) => isKept(point, place) && ((last = point.time), true));
}

/** The steps of a lane: from when to when it used how many cores, last seen on which core. */
export function stepsOf(row, points, finest) {
  const begin = Math.max(0, row.requested ?? row.started ?? 0);
  const end = row.ended ?? Infinity;
  const curve = points.filter((point) => point.time > begin && point.time <= end);
  const core = curve.at(-1)?.core ?? null;
  if (row.ended !== null) curve.push({ time: row.ended, cpu: row.cpu, core });
  const steps = [];
  let last = { time: begin, cpu: 0 };
  curve.forEach((point, place) => {
    const gap = point.time - last.time;
    const used = Math.max(0, point.cpu - last.cpu);
    const tooFine = gap < finest || (used > 1.02 * gap && gap < STEADY);
    if (gap <= 0 || (tooFine && place < curve.length - 1)) return;
    steps.push({ begin: last.time, end: point.time, cores: used / gap, core: point.core });
    last = point;
  });
  return steps;
}

/** The colour of each core and of the line below it, if any, as `marks_of` in core_colours.py. */
export function marksOf(cores, palette) {
  const marks = new Map();
  const numbers = [...new Set(cores)].filter((core) => core !== null).sort((a, b) => a - b);
  if (numbers.length <= EIGHT) {
    const taken = new Map(numbers.filter((core) => core < EIGHT).map((core) => [core, core]));
    for (const core of numbers.filter((core) => core >= EIGHT)) {
      let place = core % EIGHT;
      while ([...taken.values()].includes(place)) place = (place + 1) % EIGHT;
      taken.set(core, place);
    }
    for (const core of numbers) marks.set(core, { fill: palette[taken.get(core)], line: null });
    return marks;
  }
  for (const core of numbers) {
    const line = LINES[Math.floor(core / EIGHT) % LINES.length];
    marks.set(core, { fill: palette[core % EIGHT], line: line === null ? null : palette[line] });
  }
  return marks;
}

export function sentenceOf(run, cpu) {
  const workers = run.workers === 1 ? "1 worker" : `${run.workers} workers`;
  const cores = run.now > 0 ? cpu / run.now : 0;
  const so = run.over ? "" : " so far";
  return `${run.name}: ${run.now.toFixed(1)} s${so}, ${workers}, ${cores.toFixed(2)} cores in use`;
}

function cpuOf(row, points) {
  return row.ended !== null && row.kind !== "main" ? row.cpu : (points.at(-1)?.cpu ?? 0);
}

// --- the picture ---------------------------------------------------------------------------

class Picture {
  constructor(el, palette) {
    this.el = el;
    this.palette = palette;
    this.drawn = -Infinity;
    this.took = 0;
    this.waits = 0;
    this.calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    el.classList.add("manybrains-lanes");
    el.setAttribute("role", "img");
    this.title = this.add("title");
    this.key = this.add("key");
    this.svg = node("svg", { "aria-hidden": "true" });
    el.append(this.svg);
  }

  add(name) {
    const part = document.createElement("div");
    part.className = name;
    part.setAttribute("aria-hidden", "true");
    this.el.append(part);
    return part;
  }

  /** Draw the run; a little later if the last picture is too new, but its end at once. */
  ask(run) {
    clearTimeout(this.waits);
    const least = Math.max(PAUSE * this.took, this.calm.matches ? CALM : 0);
    const pause = run.over ? 0 : this.drawn + least - performance.now();
    if (pause > 0) this.waits = setTimeout(() => this.draw(run), pause);
    else this.draw(run);
  }

  stop() {
    clearTimeout(this.waits);
  }

  draw(run) {
    if (!run.number) return;
    this.drawn = performance.now();
    const width = Math.min(880, this.el.clientWidth || 640);
    const rows = run.rows;
    const pitch = Math.min(ROW, TALLEST / Math.max(1, rows.length));
    const left = 12 + 7 * Math.max(4, ...rows.map((row) => row.name.length));
    const right = 14 + 7 * Math.max(0, ...rows.map((row) => row.ending.length));
    const span = SPANS.find((each) => each >= run.now) ?? Math.ceil(run.now / 3600) * 3600;
    const frame = { left, width: Math.max(80, width - left - right), pitch, span, now: run.now };
    const steps = rows.map((row) =>
      stepsOf(row, run.points.get(row.id) ?? [], span / frame.width),
    );
    const cores = steps.flat().filter((step) => step.cores > 0).map((step) => step.core);
    const marks = marksOf(cores, this.colours());
    const height = Math.round(pitch * rows.length) + 40;
    this.svg.setAttribute("height", height);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren(
      ...rows.flatMap((row, place) => drawnRow(row, steps[place], place, frame, marks)),
      ...axis(frame, pitch * rows.length),
    );
    const cpu = rows.reduce((sum, row) => sum + cpuOf(row, run.points.get(row.id) ?? []), 0);
    this.say(run, sentenceOf(run, cpu));
    this.key.replaceChildren(...keys(marks, cores.includes(null)));
    this.took = performance.now() - this.drawn;
  }

  say(run, sentence) {
    const hidden = run.workers + 1 - run.rows.length;
    const more = hidden > 0 && run.rows.length ? ` (${hidden} that have ended are left out)` : "";
    this.title.textContent = sentence + more;
    this.el.setAttribute("aria-label", `Lanes of ${sentence}${more}.`);
  }

  /** The colours of the cores; the darkest cannot be seen on a dark page. */
  colours() {
    const ink = getComputedStyle(this.el).color.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0];
    const isDark = ink[0] + ink[1] + ink[2] > 384;
    return this.palette().map((colour) => (isDark && colour === "#333333" ? "#d0d0d0" : colour));
  }
}

function node(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function drawnRow(row, steps, place, frame, marks) {
  const { left, pitch, now } = frame;
  const high = pitch / SPACING;
  const base = pitch * place + (pitch + high) / 2;
  const x = (time) => left + (frame.width * Math.min(time, frame.span)) / frame.span;
  const first = row.requested ?? row.started ?? 0;
  const begin = Math.max(0, row.started ?? (row.ended === null ? now : row.ended));
  const end = Math.max(begin, row.ended ?? now);
  const parts = [
    node("rect", {
      class: "life", x: x(begin), y: base - high, width: x(end) - x(begin), height: high,
    }),
  ];
  for (const [core, d] of areas(steps, x, base, high)) {
    const mark = marks.get(core);
    parts.push(node("path", { class: "work", d, style: `fill: ${mark?.fill ?? UNKNOWN}` }));
  }
  for (const [core, mark] of marks) {
    const d = mark.line ? rules(steps, x, base + 0.13 * high, (each) => each.core === core) : "";
    const width = 0.14 * high;
    if (d) parts.push(node("path", { class: "line", d, stroke: mark.line, "stroke-width": width }));
  }
  const d = rules(steps, x, base - high, (each) => each.cores >= OVER);
  if (d) parts.push(node("path", { class: "over", d }));
  if (begin > Math.max(0, first) && x(begin) - x(Math.max(0, first)) > 4) {
    const y = base - high / 2;
    parts.push(node("line", { class: "wait", x1: x(Math.max(0, first)), x2: x(begin), y1: y, y2: y }));
  }
  if (row.failed) {
    const at = { x1: x(end), x2: x(end), y1: base, y2: base - high };
    parts.push(node("line", { class: "failed", ...at }));
  }
  if (pitch >= 11) parts.push(...words(row, x(end), base - high / 2, left));
  return parts;
}

const UNKNOWN = "var(--lanes-plain)";

function words(row, end, y, left) {
  const kind = { main: " main", thread: " quiet", process: "" }[row.kind];
  const parts = [node("text", { class: `name${kind}`, x: left - 7, y }, row.name)];
  if (row.ending) {
    const colour = row.failed ? "alarm" : "quiet";
    parts.push(node("text", { class: `ending ${colour}`, x: end + 6, y }, row.ending));
  }
  return parts;
}

/** For each core the outline of all that a lane used on it. */
function areas(steps, x, base, high) {
  const outlines = new Map();
  steps.forEach((step, place) => {
    const goesOn = place > 0 && steps[place - 1].core === step.core;
    const top = base - high * Math.min(1, step.cores);
    let d = outlines.get(step.core) ?? "";
    d += goesOn ? "" : `M${x(step.begin).toFixed(1)},${base}`;
    d += `L${x(step.begin).toFixed(1)},${top.toFixed(1)}H${x(step.end).toFixed(1)}`;
    if (steps[place + 1]?.core !== step.core) d += `V${base}Z`;
    outlines.set(step.core, d);
  });
  return outlines;
}

/** Lines at this height wherever the lane was at work as `isMeant` says. */
function rules(steps, x, y, isMeant) {
  let d = "", end = null;
  for (const step of steps.filter((each) => each.cores > 0 && isMeant(each))) {
    const from = x(step.begin).toFixed(1);
    d += (from === end ? "" : `M${from},${y.toFixed(1)}`) + `H${x(step.end).toFixed(1)}`;
    end = x(step.end).toFixed(1);
  }
  return d;
}

function axis(frame, y) {
  const { left, width, span } = frame;
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600];
  const step = steps.find((each) => span / each <= Math.max(3, width / 80)) ?? span;
  const digits = step < 1 ? 1 : 0;
  const parts = [node("path", { class: "axis", d: `M${left},${y + 0.5}h${width}` })];
  for (let count = 0; count * step <= span * 1.0001; count++) {
    const x = left + (width * count * step) / span;
    parts.push(node("path", { class: "axis", d: `M${x},${y}v4` }));
    parts.push(node("text", { class: "tick", x, y: y + 17 }, (count * step).toFixed(digits)));
  }
  const middle = left + width / 2;
  parts.push(node("text", { class: "tick", x: middle, y: y + 34 }, "seconds since the cell began"));
  return parts;
}

function keys(marks, hasUnknown) {
  const made = [entry("row height: one core", "", "row")];
  const lined = [...marks.values()].some((mark) => mark.line);
  for (const [core, mark] of marks) {
    made.push(entry(`core ${core}`, mark.fill, "core", lined ? mark.line : null));
  }
  if (hasUnknown) made.push(entry(marks.size ? "core not known" : "busy", UNKNOWN, "core"));
  return made;
}

function entry(text, fill, name, line = null) {
  const one = document.createElement("span");
  const box = document.createElement("i");
  one.className = name;
  if (fill) box.style.background = fill;
  if (line) box.style.borderBottom = `3px solid ${line}`;
  one.append(box, text);
  return one;
}
