"use strict";
// The page works without this: links lead to the files themselves.
(() => {
  const rows = [...document.querySelectorAll("tr[data-media]")];
  const box = document.getElementById("lightbox");
  const part = (name) => box.querySelector("." + name);
  const stage = part("stage");
  const text = (row, selector) => row.querySelector(selector)?.textContent ?? "";
  const address = (row) => row.querySelector(".open").href;
  let current = 0;

  // A key in the address would be copied with it. The server has set a cookie for the links.
  const here = new URL(location.href);
  if (here.searchParams.has("token")) {
    here.searchParams.delete("token");
    history.replaceState(null, "", here);
  }

  for (const time of document.querySelectorAll("time")) {
    // The visitor's time zone instead of the server's; sv-SE writes dates as ISO 8601 does.
    const options = { dateStyle: "short", timeStyle: "short" };
    time.textContent = new Date(time.dateTime).toLocaleString("sv-SE", options);
  }

  const viewer = (row) => {
    const element = document.createElement(row.dataset.media === "video" ? "video" : "img");
    if (element instanceof HTMLVideoElement) {
      Object.assign(element, { controls: true, autoplay: true, loop: true, playsInline: true });
    } else {
      element.alt = text(row, ".open");
    }
    element.addEventListener("error", () => {
      const note = document.createElement("p");
      note.className = "missing";
      note.textContent = "This file can’t be shown here. The link below opens it.";
      element.replaceWith(note);
    });
    element.src = address(row);
    return element;
  };

  const show = (index) => {
    current = (index + rows.length) % rows.length;
    const row = rows[current];
    stage.replaceChildren(viewer(row));
    part("position").textContent = `${current + 1} / ${rows.length}`;
    part("original").textContent = text(row, ".open");
    part("original").href = address(row);
    part("prompt").textContent = text(row, ".prompt");
    part("seed").textContent = text(row, ".seed");
    part("caption").scrollTop = 0;
    for (const neighbour of [rows[current + 1], rows[current - 1]]) {
      if (neighbour?.dataset.media === "image") new Image().src = address(neighbour);
    }
  };

  const open = (index) => {
    part("previous").hidden = part("next").hidden = rows.length < 2;
    box.showModal();
    show(index);
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("tr[data-media] a");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open(rows.indexOf(link.closest("tr")));
  });

  const actions = {
    ArrowLeft: () => show(current - 1),
    ArrowRight: () => show(current + 1),
    ArrowUp: () => show(current - 1),
    ArrowDown: () => show(current + 1),
    Home: () => show(0),
    End: () => show(rows.length - 1),
    Escape: () => box.close(),
  };
  box.addEventListener("keydown", (event) => {
    const action = actions[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });

  part("previous").addEventListener("click", actions.ArrowLeft);
  part("next").addEventListener("click", actions.ArrowRight);
  part("close").addEventListener("click", actions.Escape);
  stage.addEventListener("click", (event) => {
    if (!(event.target instanceof HTMLVideoElement)) box.close();
  });
  box.addEventListener("close", () => {
    stage.replaceChildren(); // a video stops
    rows[current].querySelector(".open").focus();
  });

  let start = null;
  box.addEventListener("touchstart", (event) => {
    start = event.touches.length === 1 ? event.touches[0] : null;
  }, { passive: true });
  box.addEventListener("touchend", (event) => {
    if (!start) return;
    const end = event.changedTouches[0];
    const across = end.clientX - start.clientX;
    if (Math.abs(across) > 50 && Math.abs(across) > 2 * Math.abs(end.clientY - start.clientY)) {
      show(current + (across < 0 ? 1 : -1));
    }
    start = null;
  }, { passive: true });
})();
