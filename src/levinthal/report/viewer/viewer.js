/* Structures of this page, handed to 3Dmol.js when a button is pressed. Nothing is loaded from elsewhere; whatever comes
   from a file is text for the library's parsers, or for textContent. */
"use strict";
(() => {
  const TURN = 15, FRAME_MS = 160;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function library() {
    if (!window.$3Dmol) {
      const script = document.createElement("script");
      script.textContent = document.getElementById("viewer-library").textContent;
      document.head.append(script);
      $3Dmol.setSyncSurface(true);
    }
    return window.$3Dmol;
  }

  function drawsIn3D() {
    const canvas = document.createElement("canvas");
    return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
  }

  /* JSON that was compressed by gzip and written in base64. */
  async function unpacked(text) {
    const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    const stream = new DecompressionStream("gzip"), writer = stream.writable.getWriter();
    const written = Promise.all([writer.write(bytes), writer.close()]);
    const whole = await new Response(stream.readable).text();
    await written;
    return JSON.parse(whole);
  }

  function carbons(name) {
    return { prop: "elem", map: { C: colour(name), H: colour("--soft"), N: "#4d6bff", O: "#e0301e", S: "#c8a000", P: "#e07b00",
      F: "#3fa045", Cl: "#1f9f1f", Br: "#a0522d", I: "#940094" } };
  }

  /* The residues of a model that are within so many A of some molecules. */
  function around(model, molecules, distance) {
    const residue = atom => `${atom.chain} ${atom.resi} ${atom.icode || ""}`;
    const places = molecules.flatMap(each => each.selectedAtoms({}));
    const near = new Set();
    for (const atom of model.selectedAtoms({})) {
      if (places.some(place => Math.hypot(atom.x - place.x, atom.y - place.y, atom.z - place.z) <= distance)) near.add(residue(atom));
    }
    return { model, predicate: atom => near.has(residue(atom)) };
  }

  class Scene {
    constructor(figure) {
      this.figure = figure;
      this.find = name => figure.querySelector(`[data-part="${name}"]`);
      this.step = 0;
      this.surface = false;
      this.timer = 0;
      const look = this.find("look");
      look.hidden = false;
      look.addEventListener("click", () => this.open());
    }

    async open() {
      const say = this.find("said");
      try {
        if (!drawsIn3D()) throw new Error("no WebGL");
        this.data ??= await unpacked(this.figure.querySelector(".scene-data").textContent);
        if (!this.viewer) this.make();
      } catch (error) {
        say.textContent = `This browser cannot draw it in 3D (${error.message}): open the files below in a program for structures.`;
        return;
      }
      this.shown(true);
      this.viewer.resize();
      this.show(this.step, !this.seen);
      this.seen = true;
      this.find("canvas").focus();
    }

    shown(yes) {
      this.find("stage").hidden = !yes;
      this.find("still").classList.toggle("replaced", yes);
      this.find("look").hidden = yes;
    }

    make() {
      const stage = this.find("stage"), box = this.find("canvas");
      const mol = library();
      stage.hidden = false;   // a canvas of no size cannot be made
      try {
        this.viewer = mol.createViewer(box, { backgroundColor: colour("--panel"), antialias: true });
        if (!this.viewer) throw new Error("WebGL is off");
      } catch (error) {
        stage.hidden = true;
        throw error;
      }
      const canvas = box.querySelector("canvas");
      canvas.setAttribute("role", "img");
      this.canvas = canvas;
      const on = (name, act) => this.find(name)?.addEventListener("click", act);
      on("close", () => this.close());
      on("before", () => this.go(this.step - 1));
      on("after", () => this.go(this.step + 1));
      on("play", () => this.play(!this.timer));
      on("surface", () => { this.surface = !this.surface; this.press("surface", this.surface); this.show(this.step); });
      on("nearer", () => this.near(1.25));
      on("farther", () => this.near(0.8));
      on("whole", () => this.show(this.step, true));
      this.find("steps")?.addEventListener("change", event => this.go(Number(event.target.value)));
      box.addEventListener("keydown", event => this.key(event));
      // The wheel scrolls the page until the picture was clicked.
      box.addEventListener("wheel", event => { if (!box.contains(document.activeElement)) event.stopPropagation(); }, true);
      box.addEventListener("pointerdown", () => box.focus(), true);
      dark.addEventListener("change", () => { this.viewer.setBackgroundColor(colour("--panel")); this.show(this.step); });
    }

    close() {
      this.play(false);
      this.shown(false);
      this.find("look").focus();
    }

    key(event) {
      const turns = { ArrowLeft: [-TURN, "y"], ArrowRight: [TURN, "y"], ArrowUp: [-TURN, "x"], ArrowDown: [TURN, "x"] };
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      if (turns[event.key]) { this.viewer.rotate(...turns[event.key]); this.viewer.render(); }
      else if (event.key === "+" || event.key === "=") this.near(1.25);
      else if (event.key === "-") this.near(0.8);
      else if (event.key === "0") this.show(this.step, true);
      else if (event.key === "Escape") this.close();
      else return;
      event.preventDefault();
    }

    near(factor) { this.viewer.zoom(factor); this.viewer.render(); }

    press(name, yes) { this.find(name).setAttribute("aria-pressed", String(yes)); }

    go(step) {
      const n = this.data.steps.length;
      this.show((step + n) % n);
    }

    play(yes) {
      clearInterval(this.timer);
      this.timer = yes ? setInterval(() => this.go(this.step + 1), FRAME_MS) : 0;
      const button = this.find("play");
      if (button) button.textContent = yes ? "Stop" : "Play";
      this.find("said").setAttribute("aria-live", yes ? "off" : "polite");
    }

    show(step, whole = false) {
      const viewer = this.viewer, moved = step !== this.step;
      this.step = step;
      const [words, models] = this.data.steps[step];
      viewer.removeAllSurfaces();
      viewer.removeAllModels();
      const added = [];
      models.forEach((number, at) => {
        if (number === null) return;
        const part = this.data.parts[at];
        added.push([part, viewer.addModel(part.models[number], part.format, { keepH: false })]);
      });
      const molecules = added.filter(([part]) => part.drawn === "molecule").map(([, model]) => model);
      added.forEach(([part, model]) => this.draw(part, model, molecules));
      const focus = molecules.length ? { model: molecules } : {};
      if (whole) { viewer.zoomTo(focus); if (molecules.length) viewer.zoom(0.6); }
      else if (moved && molecules.length) viewer.center(focus);
      else if (moved && !this.data.plays) viewer.zoomTo(focus);
      viewer.render();
      this.find("said").textContent = this.data.steps.length > 1 ? `${step + 1} of ${this.data.steps.length}: ${words}` : words;
      this.canvas.setAttribute("aria-label", `${this.data.name}, in 3D: ${words}`);
      const steps = this.find("steps");
      if (steps) steps.value = String(step);
    }

    draw(part, model, molecules) {
      const viewer = this.viewer, whole = { model };
      if (part.drawn === "molecule") viewer.setStyle(whole, { stick: { radius: 0.17, colorscheme: carbons(part.colour) } });
      else if (part.drawn === "sticks") viewer.setStyle(whole, { stick: { radius: 0.15, colorscheme: carbons(part.colour) } });
      else if (part.drawn === "trace") viewer.setStyle(whole, { cartoon: { style: "trace", thickness: 0.6, color: colour(part.colour) } });
      else if (part.drawn === "cartoon") viewer.setStyle(whole, { cartoon: { color: colour(part.colour) } });
      else {
        viewer.setStyle(whole, { cartoon: { style: "oval", thickness: 0.25, width: 1.2, color: colour(part.colour), opacity: 0.6 } });
        viewer.addStyle({ model, hetflag: true }, { sphere: { radius: 0.6 } });
        viewer.addStyle(around(model, molecules, 5), { stick: { radius: 0.08, colorscheme: carbons(part.colour) } });
      }
      if (this.surface && part.drawn !== "molecule") {
        const wall = molecules.length ? around(model, molecules, 8) : whole;
        viewer.addSurface(library().SurfaceType.VDW, { opacity: 0.55, color: colour(part.colour) }, wall, wall);
      }
    }
  }

  document.querySelectorAll(".scene").forEach(figure => new Scene(figure));
})();
