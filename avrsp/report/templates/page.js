"use strict";

const collator = new Intl.Collator("en", { numeric: true });

function sortBy(header) {
  const column = header.cellIndex;
  const table = header.closest("table");
  const first = header.classList.contains("word") ? "ascending" : "descending";
  const other = first === "ascending" ? "descending" : "ascending";
  const order = header.getAttribute("aria-sort") === first ? other : first;
  const sign = order === "ascending" ? 1 : -1;
  for (const each of table.tHead.querySelectorAll("th")) each.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", order);
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("source"));
    rows.sort((a, b) => compare(a.cells[column], b.cells[column], sign));
    body.append(...rows);
  }
}

// What is not a number where numbers stand was not run: it goes last in either order.
function compare(a, b, sign) {
  const [x, y] = [Number.parseFloat(a.textContent), Number.parseFloat(b.textContent)];
  if (a.tagName === "TD" && !a.classList.contains("word")) {
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return sign * (x - y);
  }
  return sign * collator.compare(a.textContent, b.textContent);
}

for (const button of document.querySelectorAll(".sortable thead button")) {
  button.addEventListener("click", () => sortBy(button.closest("th")));
}

const viewer = document.getElementById("viewer");

function enlarge(button) {
  const stage = viewer.querySelector(".stage");
  const picture = button.querySelector("picture").cloneNode(true);
  const { width, height } = button.querySelector("img");
  picture.classList.toggle("tall", height > width * 0.8);
  stage.replaceChildren(picture);
  document.getElementById("viewer-title").textContent =
    button.closest("figure").querySelector("figcaption strong").textContent.replace(/\.$/, "");
  viewer.showModal();
}

for (const button of document.querySelectorAll(".enlarge")) {
  button.addEventListener("click", () => enlarge(button));
}
document.getElementById("viewer-close").addEventListener("click", () => viewer.close());
viewer.addEventListener("click", (event) => {
  if (event.target === viewer) viewer.close();
});
