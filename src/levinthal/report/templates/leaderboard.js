"use strict";
// Sorts and filters the table that stands there without it: groups by what they share, runs within their group.
(() => {
  const table = document.getElementById("board");
  const heads = [...table.tHead.rows[0].cells];
  const bodies = () => [...table.tBodies];
  const numbers = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  const keyOf = (row, column) => row.cells[column].dataset.key ?? row.cells[column].textContent.trim();
  // What has no key, as a run without a rank, stays last in either direction.
  const byKey = (one, other, sign) => (one === "" || other === "" ? (one === "") - (other === "") : sign * numbers.compare(one, other));

  function sort(column, sign) {
    const shared = heads[column].dataset.of;
    if (shared) {
      bodies().sort((a, b) => byKey(a.dataset[shared], b.dataset[shared], sign)).forEach((body) => table.append(body));
    } else {
      for (const body of bodies()) {
        const runs = [...body.rows].slice(1);
        runs.sort((a, b) => byKey(keyOf(a, column), keyOf(b, column), sign)).forEach((row) => body.append(row));
      }
    }
    heads.forEach((head, n) => head.setAttribute("aria-sort", n === column ? (sign > 0 ? "ascending" : "descending") : "none"));
  }

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(column, head.getAttribute("aria-sort") === "ascending" ? -1 : 1));
    head.append(button);
  });

  const filters = document.getElementById("filters");
  const choices = [...filters.querySelectorAll("select")];
  const said = document.getElementById("said");
  function filter() {
    let n = 0;
    for (const body of bodies()) {
      body.hidden = choices.some((choice) => choice.value !== "" && body.dataset[choice.name] !== choice.value.slice(1));
      n += body.hidden ? 0 : body.rows.length - 1;
    }
    said.textContent = `${n} ${n === 1 ? "run" : "runs"} shown`;
  }
  choices.forEach((choice) => choice.addEventListener("change", filter));
  filters.hidden = false;
  filter();
})();
