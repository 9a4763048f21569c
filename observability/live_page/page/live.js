// Draws what /events sends, once a second. Everything is set as text: names from outside stay text.
"use strict";

const at = (id) => document.getElementById(id);
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

function usd(micro) {
  const dollars = Number(micro) / 1e6;
  const digits = dollars === 0 || Math.abs(dollars) >= 0.1 ? 2 : 2 - Math.floor(Math.log10(Math.abs(dollars)));
  return (dollars < 0 ? "-$" : "$") + Math.abs(dollars).toFixed(Math.min(digits, 8));
}

const ms = (value) => (value >= 10000 ? (value / 1000).toFixed(1) + " s" : Math.round(value) + " ms");
const share = (part, whole) => (whole ? Math.round((100 * part) / whole) + " %" : "–");

function row(head, cells) {
  const tr = document.createElement("tr");
  const th = document.createElement("th");
  th.scope = "row";
  th.textContent = head;
  tr.append(th, ...cells.map(cell));
  return tr;
}

function cell(content) {
  const td = document.createElement("td");
  if (content && content.mark) td.className = content.mark;
  td.append(content && content.node ? content.node : String(content && content.text !== undefined ? content.text : content));
  return td;
}

function fill(id, rows, columns) {
  if (!rows.length) rows = [row("–", Array(columns - 1).fill("–"))];
  at(id).replaceChildren(...rows);
}

function figures(data) {
  const tiers = Object.values(data.tiers);
  const all = sum(tiers.map((t) => t.per_s)) * 60;
  const last = data.minutes[data.minutes.length - 2];
  at("per-s").textContent = (all / 60).toFixed(1);
  at("hits").textContent = share(data.cache.hit || 0, all);
  at("failed").textContent = share(sum(tiers.map((t) => t.failed)), all);
  at("cost").textContent = usd(last.cost);
  at("saved").textContent = usd(last.saved);
}

function minutes(data) {
  const svg = at("minutes");
  const most = Math.max(1, ...data.minutes.map((m) => Math.max(Number(m.cost), Number(m.saved))));
  const step = 900 / data.minutes.length;
  const bars = data.minutes.flatMap((m, i) => [
    bar(i * step + 2, step / 2 - 2, Number(m.cost) / most, "cost"),
    bar(i * step + step / 2, step / 2 - 2, Number(m.saved) / most, "saving"),
  ]);
  const said = at("minutes-said");
  said.textContent = data.minutes.map((m) => `${clock(m.at_ms)}: cost ${usd(m.cost)}, saved ${usd(m.saved)}`).join("; ");
  svg.replaceChildren(said, ...bars);
}

function bar(x, width, height, kind) {
  const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  const tall = Math.max(0, height) * 146;
  const set = { x, width, y: 150 - tall, height: tall, class: kind };
  Object.entries(set).forEach(([name, value]) => rect.setAttribute(name, value));
  return rect;
}

const clock = (at_ms) => new Date(at_ms).toISOString().slice(11, 19);

function deployments(data) {
  const names = [...new Set([...Object.keys(data.breakers), ...Object.keys(data.deployments)])].sort();
  return names.map((name) => {
    const outcomes = data.deployments[name] || {};
    const calls = sum(Object.values(outcomes));
    const state = data.breakers[name] || "closed";
    const mark = { closed: "good", half_open: "warn", open: "bad" }[state];
    return row(name, [{ text: state.replace("_", "-"), mark }, calls, calls - (outcomes.ok || 0)]);
  });
}

function span(seconds) {
  if (seconds === null) return "–";
  if (seconds < 90) return Math.round(seconds) + " s";
  return seconds < 5400 ? Math.round(seconds / 60) + " min" : (seconds / 3600).toFixed(1) + " h";
}

const NO_BATCHES = { waiting: 0, states: { formed: 0, submitting: 0, submitted: 0, ended: 0 }, requests: 0, oldest_s: null, slack_s: null };

function batches(data) {
  const names = [...new Set([...Object.keys(data.batches), ...Object.keys(data.batches_saved)])].sort();
  return names.map((name) => {
    const b = data.batches[name] || NO_BATCHES;
    const slack = { text: span(b.slack_s), mark: b.slack_s !== null && b.slack_s < 1800 ? "bad" : "" };
    return row(name, [b.waiting, b.states.formed, b.states.submitting + b.states.submitted, b.states.ended, b.requests, span(b.oldest_s), slack, usd(data.batches_saved[name] || 0)]);
  });
}

function trace(t) {
  let link = "–";
  if (t.url && /^https?:/.test(t.url)) {
    link = document.createElement("a");
    link.href = t.url;
    link.textContent = "open";
    link.setAttribute("aria-label", "trace of request " + t.id);
    link = { node: link };
  }
  const outcome = { text: t.outcome, mark: t.outcome === "done" ? "good" : "bad" };
  const cost = t.cost === null ? "unpriced" : usd(t.cost);
  return row(clock(t.at_ms), [t.tenant, t.tier, t.deployment || "–", outcome, t.cache, t.attempts, ms(t.total_ms), cost, link]);
}

function show(data) {
  figures(data);
  minutes(data);
  fill("tiers", Object.entries(data.tiers).map(([name, t]) => row(name, [t.per_s.toFixed(1), t.hits, t.failed, ms(t.p50_ms), ms(t.p95_ms)])), 6);
  fill("deployments", deployments(data), 4);
  fill("queues", Object.entries(data.lag).map(([name, lag]) => row(name, [lag])), 2);
  fill("batches", batches(data), 9);
  fill("traces", data.traces.map(trace), 10);
  at("rollouts").hidden = !data.decisions.length;
  fill("decisions", data.decisions.map((d) => row(clock(d.at_ms), [d.tier, d.what])), 3);
  at("unreachable").textContent = data.unreachable.length ? "No answer from " + data.unreachable.join(", ") : "";
}

const source = new EventSource("events");
source.onmessage = (event) => {
  show(JSON.parse(event.data));
  if (at("link").textContent !== "live") at("link").textContent = "live";
};
source.onerror = () => { at("link").textContent = "connection lost, trying again…"; };
