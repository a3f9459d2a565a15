(() => {
  // After so many checks without a beat, the page is not connected. In a browser that is busy for long, both come late,
  // so that no time says it.
  const INTERVAL = 2000; // milliseconds
  const PATIENCE = 3;
  const root = document.documentElement;
  let checks = 0; // since the last beat
  let hadBeat = false;
  let answered = null; // the number of checks when the scheduler answered, since the last beat
  let wasLost = false;

  const system = matchMedia("(prefers-color-scheme: dark)");
  let stored = null;
  try { stored = localStorage.getItem("adaptive-theme"); } catch { /* not allowed here */ }
  const asked = new URLSearchParams(location.search).get("theme");
  let chosen = ["light", "dark"].includes(asked) ? asked : stored;

  function showTheme() {
    const theme = chosen ?? (system.matches ? "dark" : "light");
    root.dataset.theme = theme;
    const toggle = globalThis.Bokeh?.documents[0]?.get_model_by_name("dark");
    if (toggle) toggle.active = theme === "dark";
  }

  function changeTheme() {
    chosen = root.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("adaptive-theme", chosen); } catch { /* not allowed here */ }
    showTheme();
  }

  // Called about once a second by the server: whether there are runs, and which one is shown.
  function beat([hasRuns, run]) {
    if (!hadBeat) {
      showTheme();
      leaveFallback();
    }
    hadBeat = true;
    answered = null;
    checks = 0;
    root.dataset.runs = hasRuns ? "yes" : "no";
    const address = new URL(location.href);
    if (run && address.searchParams.get("run") !== run) {
      address.searchParams.set("run", run);
      history.replaceState(null, "", address);
    }
  }

  function say(...parts) {
    const message = document.getElementById("adaptive-message");
    message.hidden = parts.length === 0;
    message.replaceChildren(...parts);
  }

  // Proxies that let no WebSocket through leave these numbers, which are fetched one by one.
  async function fallBack() {
    const { runs } = await (await fetch("adaptive.json")).json();
    const fields = ["name", "learner", "status", "points", "loss", "points_per_second", "in_flight", "failed"];
    const row = (tag, texts) => {
      const made = document.createElement("tr");
      made.append(...texts.map((text) => Object.assign(document.createElement(tag), { textContent: text })));
      return made;
    };
    const table = document.createElement("table");
    const shown = (value) => value ?? "–";
    table.append(row("th", fields.map((field) => field.replaceAll("_", " "))));
    table.append(...runs.map((run) => row("td", fields.map((field) => shown(run[field])))));
    const place = document.getElementById("adaptive-fallback");
    place.replaceChildren(table);
    place.hidden = false;
    document.getElementById("adaptive").hidden = true;
  }

  // Plots may come late, over a slow line or a busy scheduler.
  function leaveFallback() {
    say();
    document.getElementById("adaptive-fallback").hidden = true;
    document.getElementById("adaptive").hidden = false;
  }

  async function check() {
    checks += 1;
    if (checks <= PATIENCE) {
      if (wasLost) say();
      wasLost = false;
      return;
    }
    try {
      const reply = await fetch("health", { cache: "no-store" });
      if (!reply.ok) throw new Error(reply.statusText);
      if (hadBeat) {
        // The scheduler is there (again). If it was only busy, a beat comes before the next check; otherwise it does not
        // know this page any more.
        answered ??= checks;
        if (answered < checks) location.reload();
      } else {
        say("Live plots need a WebSocket, which does not get through to the scheduler. These numbers are fetched instead.");
        await fallBack();
        if (hadBeat) leaveFallback(); // which came while the numbers did
      }
    } catch {
      wasLost = true;
      say("The scheduler does not answer. What you see is old; the page comes back with the scheduler.");
    }
  }

  globalThis.adaptive = { beat };
  root.dataset.theme = chosen ?? (system.matches ? "dark" : "light");
  system.addEventListener("change", showTheme);
  document.addEventListener("DOMContentLoaded", () => {
    setInterval(check, INTERVAL);
    if (document.querySelector(".navbar") === null) return; // a plot by itself
    for (const link of document.querySelectorAll(".navbar a[href='adaptive']")) link.closest("li").classList.add("here");
    const item = document.createElement("li");
    item.className = "pull-right";
    item.innerHTML = '<a id="adaptive-theme" title="Light or dark">◐</a>';
    item.firstChild.addEventListener("click", changeTheme);
    document.querySelector(".navbar > ul").append(item);
  }, { once: true });
})();
