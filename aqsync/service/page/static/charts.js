"use strict";
/* Draws the plots of the page, and again when the colours, the width or the numbers change. */
(() => {
  const EVERY_MS = 60000;
  const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  const round = (value) => String(Number(value.toPrecision(3)));
  const size = (bytes) => {
    let value = bytes, unit = 0;
    for (; value >= 1024 && unit < UNITS.length - 1; unit += 1) value /= 1024;
    return `${round(value)} ${UNITS[unit]}`;
  };
  const seconds = (s) => s < 120 ? `${round(s)} s` : s < 7200 ? `${round(s / 60)} min`
    : s < 172800 ? `${round(s / 3600)} h` : `${round(s / 86400)} days`;
  const number = (value) => value.toLocaleString();
  const two = (value) => String(value).padStart(2, "0");
  const day = (at) => `${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const hour = (at) => `${two(at.getHours())}:${two(at.getMinutes())}`;
  const tick = (s) => { const at = new Date(s * 1000); return at.getHours() ? hour(at) : day(at); };
  const moment = (s) => { const at = new Date(s * 1000); return `${at.getFullYear()}-${day(at)} ${hour(at)}`; };
  const BYTES = Array.from({ length: 60 }, (_, power) => 2 ** power);
  const COUNTS = Array.from({ length: 8 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();
  const WAITS = [1, 10, 60, 600, 3600, 21600, 86400, 604800, 2592000, 31536000, 315360000];
  const PLOTS = {
    bytes: { said: size, steps: BYTES, bars: true, lines: [["bytes", "Size", "--accent"]] },
    files: { said: number, steps: COUNTS, bars: true, lines: [["files", "Files", "--accent"]] },
    // From seconds to days: each step is ten times the last one, or nearly.
    waits: { said: seconds, at: WAITS, lines: [["median", "Half within", "--accent"], ["slow", "95 % within", "--waiting"]] },
    queue_bytes: { said: size, steps: BYTES, lines: [["queue_bytes", "Size", "--accent"]] },
    queue_files: { said: number, steps: COUNTS, lines: [["queue_files", "Files", "--accent"]] },
  };
  const page = document.getElementById("charts");
  const places = [...page.querySelectorAll("[data-plot]")];
  let drawn = [], data = null, fetched = 0, failed = false;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  /* Where points have no room, those stay that no line leads to: of a single busy hour, say. */
  const alone = ({ data: columns }, index, show) => {
    const values = columns[index];
    const is = (at) => values[at] !== null && values[at] !== undefined;
    return show ? null : [...values.keys()].filter((at) => is(at) && !is(at - 1) && !is(at + 1));
  };

  const options = (plot, width) => {
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
    const up = { ...axis, size: 72, values: (_plot, ticks) => ticks.map(plot.said) };
    const upwards = plot.at
      ? { ...up, splits: ({ scales }) => plot.at.filter((each) => each <= scales.y.max), filter: (_plot, splits) => splits }
      : { ...up, incrs: plot.steps };
    const y = plot.at
      ? { distr: 3, range: (_plot, _low, high) => [1, plot.at.find((each) => each > high && each > 1)] }
      : { range: (_plot, _low, high) => [0, high > 0 ? high * 1.05 : 1] };
    const one = (_plot, value) => value === null || value === undefined ? "–" : plot.said(value);
    return {
      width, height: 220,
      cursor: { drag: { x: false, y: false } },
      scales: { y },
      axes: [{ ...axis, size: 32, values: (_plot, ticks) => ticks.map(tick) }, upwards],
      series: [{ value: (_plot, s) => s === null ? "–" : moment(s) }, ...plot.lines.map(([, label, name], index) => ({
        label, value: one, stroke: colour(name), width: 1.5, points: { size: 5, filter: alone }, dash: index ? [6, 3] : undefined,
        ...(plot.bars ? { paths: uPlot.paths.bars({ size: [0.8, 40] }), width: 0, fill: colour(name), points: { show: false } } : {}),
      }))],
    };
  };

  const draw = () => {
    drawn.forEach((each) => each.destroy());
    drawn = places.map((place) => {
      const plot = PLOTS[place.dataset.plot];
      const drawable = (value) => plot.at && value === 0 ? 1 : value;
      const columns = [data.at, ...plot.lines.map(([column]) => data[column].map(drawable))];
      return new uPlot(options(plot, place.clientWidth), columns, place);
    });
  };

  const load = async () => {
    fetched = Date.now();
    try {
      const answer = await fetch(page.dataset.from);
      failed = !answer.ok;
      if (failed) return;
      data = await answer.json();
      for (const [name, text] of Object.entries(data.said)) document.getElementById(`said-${name}`).textContent = text;
      draw();
    } catch {
      failed = true;
    }
  };

  document.body.addEventListener("restated", () => {
    if (failed || Date.now() - fetched >= EVERY_MS) load();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => data && draw());
  new ResizeObserver(() => {
    drawn.forEach((each, index) => {
      const width = places[index].clientWidth;
      if (width !== each.width) each.setSize({ width, height: each.height });
    });
  }).observe(page);
  load();
})();
