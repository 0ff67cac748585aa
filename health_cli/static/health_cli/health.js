/* The page lives: it asks the API whether there is something new, and takes the content anew if so. Without this
   script all is there, but for charts and the news. */
"use strict";

(() => {
  const POLL = 15_000, LONGEST = 60_000, TICK = 1_000, SLOW = 20_000; // milliseconds
  const WHOLE = 20; // of so many times, all is asked for once: what other hosts have recorded is no news of this one
  const root = document.getElementById("health");
  if (!root) return;
  const content = document.getElementById("health-content");
  const offline = document.getElementById("health-offline");
  const title = document.title;
  let etag = view().dataset.etag, failures = 0, timer = 0, asking = false, times = 0, running = false, leaving = false, counted = "";
  let heard = clockAt(Date.parse(view().dataset.now)); // the server's clock, when it last answered
  let confirmed = heard.at; // when the server last said that this is what there is

  function view() { return content.firstElementChild; }

  function clockAt(at) { return { at, mark: performance.now(), date: Date.now() }; }

  /* Of the browser's two clocks one stands still while the machine sleeps, and the other may be set. */
  function now() { return heard.at + Math.max(performance.now() - heard.mark, Date.now() - heard.date); }

  function url(name, parameters) {
    return `${root.dataset[name]}?${new URLSearchParams(parameters)}`;
  }

  async function send(address, how) {
    try {
      return await fetch(address, { cache: "no-store", credentials: "same-origin", ...how });
    } catch {
      throw new Error("the server does not answer");
    }
  }

  async function get(address, headers = {}, method = "GET") {
    const answer = await send(address, { method, headers, signal: AbortSignal.timeout(SLOW) });
    if (answer.status === 403) leave(""); // logged out: the admin says so
    const at = Date.parse(answer.headers.get("Date"));
    if (answer.ok || answer.status === 304) {
      heard = clockAt(at || now());
      sessionStorage.removeItem("health-left");
    }
    if (answer.status === 429) throw Object.assign(new Error("too often"), { wait: Number(answer.headers.get("Retry-After")) * 1_000 });
    if (!answer.ok && answer.status !== 304 && answer.status !== 404) throw new Error(`the server answers ${answer.status}`);
    return answer;
  }

  /* Loads the page anew, once, and says something then; a refusal that stays is told in its place. */
  function leave(text) {
    if (!sessionStorage.getItem("health-left")) {
      sessionStorage.setItem("health-left", text || " ");
      leaving = true;
      window.location.reload();
    }
    throw new Error("the server refuses to answer");
  }

  /* News: asks, and asks again after a while; later and later while there is no answer, and not while nobody looks. */

  async function ask() {
    if (asking || leaving) return;
    asking = true;
    clearTimeout(timer);
    let wait = POLL;
    try {
      const host = view().dataset.host;
      if (host) {
        times += 1;
        const answer = await get(url("last", { host }), times % WHOLE ? { "If-None-Match": etag } : {});
        if (answer.status !== 304) await renew(host);
      } else {
        await renew("");
      }
      failures = 0;
      confirmed = heard.at;
      offline.hidden = true;
      charts.forEach(({ failed }, place) => failed && place.isConnected && draw(place.closest("details")));
    } catch (error) {
      failures += 1;
      wait = error.wait || Math.min(LONGEST, 1_000 * 2 ** failures) * (0.75 + Math.random() / 2);
      const reason = navigator.onLine ? error.wait ? "asked too often" : "no answer" : "no network";
      const text = `Offline (${reason}), showing data from ${clock(confirmed / 1_000)}.`;
      if (offline.textContent !== text) offline.textContent = text;
      offline.hidden = false;
    }
    asking = false;
    if (!document.hidden) timer = setTimeout(ask, wait);
  }

  async function renew(host) {
    const answer = await get(url("page", { host, part: "content" }));
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body.firstElementChild;
    if (!fresh || !fresh.classList.contains("hc-content")) return window.location.reload(); // another page: logged out
    if (fresh.dataset.etag === etag && fresh.dataset.others === view().dataset.others) return;
    const was = view(), before = alertsOf(was), after = alertsOf(fresh);
    const refocus = keep(fresh);
    charts.forEach(({ chart }) => chart?.destroy());
    charts.clear();
    content.replaceChildren(fresh); // checks that are open say so by themselves, and are drawn
    refocus();
    runs();
    etag = fresh.dataset.etag;
    tick();
    const critical = [...after].filter(([id, alert]) => isCritical(alert) && !(before.has(id) && isCritical(before.get(id))));
    announce(critical.map(([id, alert]) => ({ id, text: alert.dataset.text })));
    document.querySelectorAll(".hc-toast[data-of]").forEach((box) => {
      if (!box.dataset.of.split(" ").some((id) => after.has(id) && isCritical(after.get(id)))) box.remove();
    });
    const told = (node, alerts) => [node.dataset.status, ...[...alerts].map(([id, alert]) => id + alert.dataset.severity)].join();
    if (told(was, before) !== told(fresh, after)) document.getElementById("health-said").textContent = `Updated: ${fresh.dataset.status}.`;
  }

  function isCritical(alert) { return alert.dataset.severity === "critical"; }

  /* One notice for all that has become critical at once; it goes when all of that is over. */
  function announce(alerts) {
    if (!alerts.length) return;
    const more = alerts.length > 3 ? ` and ${alerts.length - 3} more` : "";
    const box = toast(`Critical: ${alerts.slice(0, 3).map(({ text }) => text).join(", ")}${more}`, "hc-critical");
    box.dataset.of = alerts.map(({ id }) => id).join(" ");
  }

  function alertsOf(node) {
    return new Map([...node.querySelectorAll("[data-alert]")].map((alert) => [alert.dataset.alert, alert]));
  }

  /* Whatever somebody has opened, chosen and focused stays so; returns what gives the focus back. */
  function keep(fresh) {
    content.querySelectorAll("details[open]").forEach((old) => {
      const now = find(fresh, old.dataset.check);
      if (!now) return;
      now.open = true;
      const [from, to] = [old, now].map((node) => node.querySelector("[data-trend]"));
      const metric = from.elements.metric.value;
      if ([...to.elements.metric.options].some((option) => option.value === metric)) to.elements.metric.value = metric;
      to.elements.range.value = from.elements.range.value;
    });
    const active = document.activeElement, focused = content.contains(active) ? keyOf(active) : "";
    const typed = isTyped(active) ? [active.value, active.selectionStart, active.selectionEnd] : null;
    return () => {
      const same = focused && [...content.querySelectorAll("a, button, input, select, summary")].find((each) => keyOf(each) === focused);
      if (!same) return;
      same.focus({ preventScroll: true });
      if (!typed) return;
      same.value = typed[0];
      same.setSelectionRange(typed[1], typed[2]);
    };
  }

  function isTyped(element) { return element?.tagName === "INPUT" && !["radio", "hidden"].includes(element.type); }

  /* What tells one thing that can be focused from all others, before and after. */
  function keyOf(element) {
    const place = element.closest("[data-check], [data-alert]");
    const own = element.tagName === "SELECT" || isTyped(element) ? element.name : [element.name, element.value, element.getAttribute("href")];
    return JSON.stringify([place && (place.dataset.check || place.dataset.alert), element.tagName, own]);
  }

  function find(node, check) {
    return [...node.querySelectorAll("[data-check]")].find((each) => each.dataset.check === check);
  }

  /* The ages go on by themselves, and the run becomes late and stale. */
  function tick() {
    const { at, late, stale, status } = view().dataset;
    const critical = [...alertsOf(view()).values()].filter(isCritical).length;
    const word = critical ? `critical (${critical})` : status;
    document.title = `${word === "healthy" ? "" : `${word} \u2013 `}${title}`;
    view().querySelectorAll("[data-ago]").forEach((each) => {
      const text = words(Math.max(0, (now() - Date.parse(each.dataset.ago)) / 1_000));
      if (each.textContent !== text) each.textContent = text;
    });
    if (!at) return;
    const age = (now() - Date.parse(at)) / 1_000, fresh = view().querySelector("[data-fresh]"), was = fresh.textContent;
    const is = !Number(late) ? "" : age <= Number(late) ? "fresh" : age <= Number(stale) ? "late" : "stale";
    if (is === was) return;
    fresh.textContent = is;
    fresh.parentElement.dataset.age = is;
    if (is !== "stale" || counted === at) return;
    counted = at; // once for each run, whatever the two clocks say
    etag = ""; // it counts no more, whatever is new
    ask();
  }

  function words(seconds) {
    if (seconds < 120) return `${Math.round(seconds)} s`;
    if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
    return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
  }

  function toast(text, style = "", link = null) {
    const box = document.createElement("div"), close = document.createElement("button");
    box.className = `hc-toast ${style}`;
    const said = Object.assign(document.createElement("span"), { textContent: text });
    if (link) said.append(" ", Object.assign(document.createElement("a"), link));
    box.append(said, close);
    close.type = "button";
    close.textContent = "\u00d7";
    close.ariaLabel = "Close";
    close.addEventListener("click", () => box.remove());
    document.getElementById("health-toasts").append(box);
    if (!style) setTimeout(() => box.remove(), 10_000);
    return box;
  }

  /* Run now */
  root.addEventListener("submit", async (event) => {
    const form = event.target.closest(".hc-run");
    if (!form) return;
    event.preventDefault();
    if (running) return;
    running = true;
    runs();
    try {
      const answer = await send(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
      if (answer.redirected || answer.status === 403) leave("You have logged in again meanwhile: press Run now once more.");
      const said = await answer.json().catch(() => ({}));
      const elsewhere = said.host && said.host !== view().dataset.host && view().dataset.host;
      const link = elsewhere ? { textContent: `Show ${said.host}`, href: `?${new URLSearchParams({ host: said.host })}` } : null;
      toast(said.message || said.error || `The server answers ${answer.status}.`, "", link);
      if (said.state === "queued" || said.state === "refused") setTimeout(ask, 3_000);
    } catch (error) {
      toast(`The checks were not asked to run: ${error.message}.`);
    }
    running = false;
    runs();
    ask();
  });

  /* The button tells that it works; it keeps the focus, which a disabled one would lose. */
  function runs() {
    content.querySelectorAll(".hc-run button").forEach((button) => {
      button.setAttribute("aria-disabled", running);
      button.textContent = running ? "Running \u2026" : "Run now";
    });
  }

  /* Exports: what can't be had is told here, and not in the place of the page. */
  content.addEventListener("submit", async (event) => {
    const form = event.target.closest("[data-trend]");
    if (!form) return;
    event.preventDefault();
    const fields = new FormData(form, event.submitter);
    const address = `${form.action}?${new URLSearchParams(fields)}`;
    try {
      await get(address, {}, "HEAD");
      window.location.assign(address);
    } catch (error) {
      toast(`Nothing was exported: ${error.message}.`);
    }
  });

  /* A link to a check opens it. */
  function openTarget() {
    const target = document.getElementById(window.location.hash.slice(1)) || document.getElementById(decodeURIComponent(window.location.hash.slice(1)));
    if (!target?.matches("[data-check]")) return;
    target.open = true;
    target.scrollIntoView({ block: "nearest" });
    target.querySelector("summary").focus({ preventScroll: true });
  }

  /* Charts */
  const charts = new Map();

  function style(name) {
    const probe = document.createElement("i"); // light-dark() is resolved where it is used
    probe.style.color = `var(--${name})`;
    root.append(probe);
    const color = getComputedStyle(probe).color;
    probe.remove();
    return color;
  }

  async function draw(details) {
    const form = details.querySelector("[data-trend]"), place = form.querySelector("[data-chart]");
    const host = view().dataset.host, metric = form.elements.metric.value, range = form.elements.range.value;
    const wanted = `${metric} ${range}`;
    place.dataset.wanted = wanted;
    place.hidden = false;
    try {
      const check = details.dataset.check;
      const answers = await Promise.all([get(url("series", { host, metric, range })), get(url("alerts", { host, check }))]);
      const [series, { alerts }] = await Promise.all(answers.map((answer) => answer.json()));
      if (place.dataset.wanted !== wanted || !place.isConnected) return; // another one has been chosen meanwhile
      charts.get(place)?.chart?.destroy();
      charts.delete(place);
      place.replaceChildren();
      ["role", "aria-label"].forEach((name) => place.removeAttribute(name));
      form.querySelector("[data-trends]").replaceChildren(
        ...series.said.map((text) => Object.assign(document.createElement("span"), { textContent: text })));
      if (!series.points.some((point) => point.value !== null)) {
        place.textContent = "Nothing was measured in this time.";
        return;
      }
      charts.set(place, { chart: plot(place, series, alerts), series, alerts });
    } catch (error) {
      if (place.dataset.wanted !== wanted || !place.isConnected) return;
      charts.get(place)?.chart?.destroy();
      charts.set(place, { failed: true }); // and drawn once the server answers again
      place.textContent = `The chart can't be drawn: ${error.message}.`;
    }
  }

  function plot(place, series, alerts) {
    const seconds = (text) => Date.parse(text) / 1_000;
    const column = (name) => series.points.map((point) => point[name]);
    const band = series.points.some((point) => point.minimum !== point.maximum);
    const names = band ? ["maximum", "minimum", "value"] : ["value"];
    const data = [column("time").map(seconds), ...names.map(column)];
    const [text, faint, line, link] = ["text", "faint", "line", "link"].map(style);
    const shown = (_, value) => (value === null || value === undefined ? "" : human(value, series.unit));
    const axis = { stroke: faint, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    const [first, until] = [data[0][0], seconds(series.until)];
    let since = seconds(series.since);
    if (first - since > (until - since) / 2) since = first - Math.max((until - first) / 20, 30); // the record is young
    const limits = ["warning", "critical"].flatMap((name) => ends(series[name]).map((value) => ({ name, value })));
    const chart = new uPlot({
      width: place.clientWidth, height: 240,
      scales: { x: { range: [since, until] }, y: { range: (_, low, high) => room(low, high, limits) } },
      cursor: { drag: { x: false, y: false } },
      tzDate: (at) => (zone ? uPlot.tzDate(new Date(at * 1_000), zone) : new Date(at * 1_000)),
      series: [
        { label: "time", value: (_, at) => (at ? `${day(at)} ${clock(at)}` : "") },
        ...(band ? ["maximum", "minimum"] : []).map((label) => ({ label, stroke: link, width: 0, value: shown, points: { show: false } })),
        { label: band ? "mean" : series.metric, stroke: link, width: 2, value: shown, points: { size: 4, fill: link } },
      ],
      bands: band ? [{ series: [1, 2], fill: translucent(link, 0.2) }] : [],
      axes: [{ ...axis, values: (_, times, __, ___, step) => times.map((at, place) => tickOf(at, times[place - 1], step)) }, { ...axis, size: 80, values: (_, values) => values.map((value) => human(value, series.unit)) }],
      hooks: { ready: [(u) => u.setLegend({ idx: data[0].length - 1 })], drawClear: [(u) => shade(u, alerts)], draw: [(u) => lines(u, limits)] },
    }, data, place);
    const describe = `${series.metric} of ${series.check}, ${series.points.length} points`;
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", [describe, ...series.said].join("; "));
    return chart;
  }

  /* All times are of the project's zone; of the browser's own where that does not know it. */
  const zone = known(root.dataset.zone);
  const written = new Intl.DateTimeFormat("en", {
    timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
  });

  function known(name) {
    try {
      return new Intl.DateTimeFormat("en", { timeZone: name }) && name;
    } catch {
      return undefined;
    }
  }

  function partsOf(at) {
    return Object.fromEntries(written.formatToParts(at * 1_000).map(({ type, value }) => [type, value]));
  }

  function day(at) {
    const { year, month, day: date } = partsOf(at);
    return `${year}-${month}-${date}`;
  }

  function clock(at) {
    const { hour, minute } = partsOf(at);
    return `${hour}:${minute}`;
  }

  /* What stands at a tick of the axis: the hour, or the day, with what is above it in a line below where that is new. */
  function tickOf(at, before, step) {
    const [above, below] = step < 86_400 ? [clock(at), day(at).slice(5)] : [day(at).slice(5), day(at).slice(0, 4)];
    const known = before && (step < 86_400 ? day(before).slice(5) : day(before).slice(0, 4));
    return below === known ? above : `${above}\n${below}`;
  }

  function ends(range) {
    return range ? range.replace("@", "").split(":").filter((end) => end && end !== "~").map(Number) : [];
  }

  /* Room for the values, and for the thresholds that are near them. */
  function room(low, high, limits) {
    const size = high - low || Math.abs(high) || 1;
    const near = limits.map((limit) => limit.value).filter((value) => value >= low - size && value <= high + size);
    const least = Math.min(low, ...near), most = Math.max(high, ...near), edge = (most - least || size) * 0.08;
    return [least >= 0 && least - edge < 0 ? 0 : least - edge, most + edge];
  }

  function shade(u, alerts) {
    const { left, top, width, height } = u.bbox;
    const at = (text) => Math.min(Math.max(u.valToPos(Date.parse(text) / 1_000, "x", true), left), left + width);
    alerts.forEach((alert) => {
      const from = at(alert.created_at), to = alert.resolved_at ? at(alert.resolved_at) : left + width;
      u.ctx.fillStyle = translucent(style(alert.severity === "critical" ? "critical" : "warning"), 0.14);
      u.ctx.fillRect(from, top, Math.max(to - from, from > left && from < left + width ? 2 : 0), height);
    });
  }

  function lines(u, limits) {
    const { left, top, width, height } = u.bbox;
    limits.forEach(({ name, value }) => {
      const y = Math.round(u.valToPos(value, "y", true));
      if (y < top || y > top + height) return;
      u.ctx.save();
      u.ctx.strokeStyle = u.ctx.fillStyle = style(name);
      u.ctx.lineWidth = devicePixelRatio;
      u.ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
      u.ctx.beginPath();
      u.ctx.moveTo(left, y);
      u.ctx.lineTo(left + width, y);
      u.ctx.stroke();
      u.ctx.font = `${11 * devicePixelRatio}px sans-serif`;
      u.ctx.textAlign = "right";
      u.ctx.fillText(name, left + width - 4 * devicePixelRatio, y - 4 * devicePixelRatio);
      u.ctx.restore();
    });
  }

  function translucent(color, share) {
    return color.replace(/^rgb\((.*)\)$/, (_, parts) => `rgba(${parts}, ${share})`);
  }

  function human(value, unit) {
    const short = (number) => Number(number.toPrecision(3)).toLocaleString("en");
    const steps = { B: [["TiB", 2 ** 40], ["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10], ["B", 1]],
      s: [["d", 172_800], ["h", 7_200], ["min", 120], ["s", 1], ["ms", 1e-3], ["us", 1e-6]] }[unit];
    const sizes = { d: 86_400, h: 3_600, min: 60 };
    if (!steps || !value) return `${short(value)} ${unit === "c" ? "" : unit}`.trim();
    const [name, size] = steps.find((step) => Math.abs(value) >= step[1]) || steps.at(-1);
    return `${short(value / (sizes[name] || size))} ${name}`;
  }

  content.addEventListener("toggle", (event) => {
    if (event.target.matches?.("details[open]")) draw(event.target);
  }, true);
  content.addEventListener("change", (event) => {
    if (event.target.closest("[data-trend]")) draw(event.target.closest("details"));
  });
  new ResizeObserver(() => charts.forEach(({ chart }, place) => chart?.setSize({ width: place.clientWidth, height: 240 }))).observe(root);
  const redraw = () => charts.forEach(({ chart, series, alerts }, place) => {
    if (!chart) return;
    chart.destroy();
    place.replaceChildren();
    charts.set(place, { chart: plot(place, series, alerts), series, alerts });
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  new MutationObserver(redraw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "class"] });
  document.addEventListener("visibilitychange", () => document.hidden ? clearTimeout(timer) : ask());
  window.addEventListener("online", ask);
  window.addEventListener("hashchange", openTarget);
  content.addEventListener("click", (event) => {
    if (event.target.closest('a[href^="#check-"]')) setTimeout(openTarget); // the same link may be used again
  });
  const left = sessionStorage.getItem("health-left");
  if (left?.trim()) toast(left);
  openTarget();
  setInterval(tick, TICK);
  tick();
  timer = setTimeout(ask, POLL);
})();
