// what all pages do with tables
const tables = (() => {
  "use strict";
  // a table that does not fit is stacked: each row a block, each cell behind the name of its column
  const fit = () => {
    for (const box of document.querySelectorAll(".scroll")) {
      const table = box.querySelector("table");
      if (!table || table.classList.contains("whole")) continue;
      table.classList.remove("stacked");
      if (document.documentElement.dataset.theme !== "print" && table.scrollWidth > box.clientWidth + 1 && box.clientWidth) table.classList.add("stacked");
    }
  };
  for (const table of document.querySelectorAll(".scroll table")) {
    const heads = [...table.querySelectorAll("thead tr:last-child > *")].map((head) => head.textContent);
    for (const row of table.querySelectorAll("tbody tr")) [...row.children].forEach((cell, at) => { if (at) cell.dataset.name = heads[at] || ""; });
  }

  const press = (button) => {
    for (const other of button.parentElement.querySelectorAll("[aria-pressed]")) other.setAttribute("aria-pressed", String(other === button));
  };

  addEventListener("resize", fit);
  return { fit, press };
})();
