"use strict";
(() => {
  const form = document.getElementById("filter");
  addEventListener("beforeprint", () => document.querySelectorAll("details:not(.passed)").forEach((one) => { one.open = true; }));
  if (!form) return;
  const names = ["status", "severity", "rule", "account", "region"];
  const groups = [...document.querySelectorAll("#groups > .group")].map((body) => ({
    body,
    rows: [...body.querySelector("tbody").rows].map((row) => {
      const [, , account, region] = row.cells;
      const of = (name) => row.dataset[name] || body.dataset[name] || "";
      return {
        row,
        text: "",
        status: [of("status")],
        severity: [of("severity")],
        rule: [of("rule")],
        account: [account.textContent, ...region.textContent.split(/ → |\//).filter((part) => /^\d{12}$/.test(part))],
        region: region.textContent.split(" → ").map((part) => part.split("/").pop()),
      };
    }),
  }));
  const all = groups.flatMap((group) => group.rows);
  const severities = ["critical", "high", "medium", "low", "info"];
  for (const name of names) {
    const values = [...new Set(all.flatMap((one) => one[name]))].filter(Boolean);
    values.sort(name === "severity" ? (a, b) => severities.indexOf(a) - severities.indexOf(b) : undefined);
    form.elements[name].append(new Option("any", ""), ...values.map((value) => new Option(value, value)));
  }
  const matches = document.getElementById("matches");
  const apply = () => {
    const wanted = names.map((name) => [name, form.elements[name].value]).filter(([, value]) => value);
    const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { body, rows } of groups) {
      let any = false;
      const turned = [];
      for (const one of rows) {
        if (words.length && !one.text) one.text = `${body.firstElementChild.textContent} ${one.rule} ${one.row.textContent}`.toLowerCase();
        const fits = wanted.every(([name, value]) => one[name].includes(value)) && words.every((word) => one.text.includes(word));
        if (one.row.hidden === fits) turned.push(one.row);
        any ||= fits;
        shown += fits;
      }
      if (turned.length) {
        // Off the page meanwhile: a browser lays thousands of rows out again for each that goes.
        const list = body.querySelector("tbody");
        const table = list.parentNode;
        list.remove();
        for (const row of turned) row.hidden = !row.hidden;
        table.append(list);
      }
      body.hidden = !any;
    }
    matches.textContent = wanted.length || words.length
      ? `${shown.toLocaleString("en")} of ${all.length.toLocaleString("en")} findings match`
      : `${all.length.toLocaleString("en")} findings`;
  };
  let waiting = 0;
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(apply, 80); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href="#findings"]');
    if (!link || !Object.keys(link.dataset).length) return;
    for (const name of ["text", ...names]) {
      const field = form.elements[name];
      field.value = link.dataset[name] || "";
      if (field.selectedIndex < 0) field.value = "";
    }
    apply();
  });
  form.hidden = false;
  apply();
})();
