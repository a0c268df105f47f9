// what all pages do with tables
const tables = (() => {
  "use strict";
  // a table that does not fit is stacked: each row a block, each cell behind the name of its column
  const fit = () => {
    for (const box of document.querySelectorAll(".scroll")) {
      const table = box.querySelector("table");
      if (!table || table.classList.contains("whole")) continue;
      table.classList.remove("stacked", "small");
      if (!box.clientWidth) continue;
      const print = document.documentElement.dataset.theme === "print", over = table.scrollWidth / (box.clientWidth + 1);
      if (print && over > 1.6) table.classList.add(over > 2.1 ? "stacked" : "small"); // letters are smaller on paper, and then smaller still
      else if (!print && over > 1) table.classList.add("stacked");
    }
  };
  for (const table of document.querySelectorAll(".scroll table")) {
    const heads = [...table.querySelectorAll("thead tr:last-child > *")].map((head) => head.textContent);
    for (const row of table.querySelectorAll("tbody tr")) [...row.children].forEach((cell, at) => { if (at) cell.dataset.name = heads[at] || ""; });
  }

  // a table whose headings sort it: numbers as numbers, the largest first
  const number = (text) => parseFloat(text.replace(/[\s\u202f]/g, "").replace("−", "-"));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-sorted] [data-column]");
    if (!button) return;
    const table = button.closest("table"), at = Number(button.dataset.column), head = button.parentElement;
    const down = head.ariaSort ? head.ariaSort === "ascending" : at > 0, sign = down ? -1 : 1;
    const value = (row) => row.cells[at].textContent;
    const compare = at ? (a, b) => (isNaN(a) - isNaN(b)) || sign * (a - b) : (a, b) => sign * a.localeCompare(b);
    const rows = [...table.tBodies[0].rows].map((row) => [at ? number(value(row)) : value(row), row]);
    table.tBodies[0].append(...rows.sort(([a], [b]) => compare(a, b)).map(([, row]) => row));
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
  });

  const press = (button) => {
    for (const other of button.parentElement.querySelectorAll("[aria-pressed]")) other.setAttribute("aria-pressed", String(other === button));
  };

  addEventListener("resize", fit);
  return { fit, press };
})();
