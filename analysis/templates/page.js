"use strict";
(() => {
  const table = document.getElementById("cell-table");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const heads = Array.from(table.tHead.rows[0].cells);

  const compare = (column, sign) => (a, b) => {
    const [left, right] = [a, b].map((row) => row.cells[column].dataset.value);
    if (left === "" || right === "") return (left === "") - (right === "");
    const difference = Number(left) - Number(right);
    return sign * (Number.isNaN(difference) ? left.localeCompare(right) : difference);
  };

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      body.append(...rows.sort(compare(column, descending ? -1 : 1)));
    });
  });

  const filter = document.getElementById("filter");
  const count = document.getElementById("count");
  const show = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    rows.forEach((row) => {
      const text = row.dataset.search;
      row.hidden = !words.every((word) => text.includes(word));
    });
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} cells`;
  };
  rows.forEach((row) => { row.dataset.search = row.textContent.toLowerCase(); });
  filter.addEventListener("input", show);
  document.querySelector(".tools").hidden = false;
  show();
})();
