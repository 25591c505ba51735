// The look and the script of a rating page. It makes its elements from text alone, and opens nothing.

/// The fixed parts of a rating page.
enum RatingPage {
  static let style = """
    .bar { position: sticky; top: 0; background: var(--page); padding: .5rem 0; border-bottom: 1px solid var(--rule); }
    .answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); gap: 1rem; }
    .answer { background: var(--card); border-radius: 6px; padding: .6rem .9rem; }
    .answer p { white-space: pre-wrap; overflow-wrap: anywhere; max-height: 24rem; overflow-y: auto; }
    .mark { display: grid; grid-template-columns: 9rem 1fr; align-items: center; }
    .mark label { margin-right: .6rem; } textarea { width: 100%; box-sizing: border-box; }
    button { font: inherit; padding: .3rem .9rem; } article.done h3::after { content: " ✓"; color: var(--mark); }
    """

  static let script = """
    "use strict";
    const place = "hypnos-rating-" + sheet.study;
    let marks = {};
    let keeps = true;
    try { marks = JSON.parse(localStorage.getItem(place) || "{}"); } catch (error) { keeps = false; }

    function element(name, parent, text, kind) {
      const made = document.createElement(name);
      if (text !== undefined) made.textContent = text;
      if (kind) made.className = kind;
      parent.appendChild(made);
      return made;
    }
    function of(code, number) {
      const id = code + "/" + number;
      if (!marks[id]) marks[id] = {};
      return marks[id];
    }
    function isDone(item) {
      let best = false;
      for (let number = 1; number <= item.texts.length; number++) {
        const mark = of(item.code, number);
        if (!sheet.aspects.every(aspect => mark[aspect.key])) return false;
        best = best || mark.best === "1";
      }
      return best;
    }
    function show() {
      let done = 0;
      for (const item of sheet.items) {
        const whole = isDone(item);
        if (whole) done++;
        document.getElementById(item.code).classList.toggle("done", whole);
      }
      document.getElementById("done").textContent = done + " / " + sheet.items.length + " " + sheet.words.rated;
      document.getElementById("kept").textContent = keeps ? sheet.words.kept : sheet.words.notKept;
    }
    function keep() {
      try { localStorage.setItem(place, JSON.stringify(marks)); } catch (error) { keeps = false; }
      show();
    }
    function build() {
      const main = document.getElementById("items");
      main.textContent = "";
      for (const item of sheet.items) {
        const article = element("article", main);
        article.id = item.code;
        element("h3", article, item.code + (item.question ? "  " + item.question : "")).dir = "auto";
        const answers = element("div", article, undefined, "answers");
        item.texts.forEach((text, index) => buildAnswer(answers, item, text, index + 1));
        const label = element("label", article, sheet.words.comment);
        const comment = element("textarea", label);
        comment.rows = 1;
        comment.value = of(item.code, 1).comment || "";
        comment.oninput = () => { of(item.code, 1).comment = comment.value; keep(); };
      }
      show();
    }
    function buildAnswer(parent, item, text, number) {
      const mark = of(item.code, number);
      const box = element("div", parent, undefined, "answer");
      element("h4", box, sheet.words.answer + " " + number);
      element("p", box, text).dir = "auto";
      for (const aspect of sheet.aspects) {
        const line = element("div", box, undefined, "mark");
        element("span", line, aspect.name);
        const choices = element("span", line);
        for (let score = 1; score <= sheet.largest; score++) {
          const label = element("label", choices);
          const radio = element("input", label);
          radio.type = "radio";
          radio.name = item.code + "/" + number + "/" + aspect.key;
          radio.value = score;
          radio.checked = mark[aspect.key] === String(score);
          radio.onchange = () => { of(item.code, number)[aspect.key] = String(score); keep(); };
          label.append(String(score));
        }
      }
      const label = element("label", box);
      const best = element("input", label);
      best.type = "checkbox";
      best.name = item.code + "/" + number + "/best";
      best.checked = mark.best === "1";
      best.onchange = () => { of(item.code, number).best = best.checked ? "1" : ""; keep(); };
      label.append(sheet.words.best);
    }
    function table() {
      const quote = text => '"' + (/^[=+@\\t\\r-]/.test(text) ? "'" : "") + String(text).replaceAll('"', '""') + '"';
      const lines = [sheet.columns.join(",")];
      for (const item of sheet.items) {
        item.texts.forEach((text, index) => {
          const mark = of(item.code, index + 1);
          const cells = [sheet.study, item.code, index + 1, item.question, text];
          for (const aspect of sheet.aspects) cells.push(mark[aspect.key] || "");
          cells.push(mark.best || "", mark.comment || "");
          lines.push(cells.map(quote).join(","));
        });
      }
      return "\\uFEFF" + lines.join("\\r\\n") + "\\r\\n";
    }
    function rows(text) {
      const rows = [[]];
      let cell = "", quoted = false;
      for (let at = text.charCodeAt(0) === 0xFEFF ? 1 : 0; at < text.length; at++) {
        const character = text[at];
        if (quoted) {
          if (character !== '"') cell += character;
          else if (text[at + 1] === '"') { cell += '"'; at++; }
          else quoted = false;
        } else if (character === '"') quoted = true;
        else if (character === ",") { rows[rows.length - 1].push(cell); cell = ""; }
        else if (character === "\\n") { rows[rows.length - 1].push(cell.replace(/\\r$/, "")); cell = ""; rows.push([]); }
        else cell += character;
      }
      if (cell || rows[rows.length - 1].length) rows[rows.length - 1].push(cell);
      return rows.filter(row => row.length > 1);
    }
    function load(text) {
      const [head, ...body] = rows(text);
      const at = name => head.indexOf(name);
      if (body.some(row => row[at("study")] !== sheet.study)) { alert(sheet.words.other); return; }
      for (const row of body) {
        const mark = of(row[at("item")], row[at("answer")]);
        for (const name of [...sheet.aspects.map(aspect => aspect.key), "best", "comment"]) {
          mark[name] = row[at(name)].replace(/^'(?=[=+@\\t\\r-])/, "");
        }
      }
      keep();
      build();
    }
    function save() {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([table()], { type: "text/csv;charset=utf-8" }));
      link.download = "ratings-" + sheet.study + ".csv";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    }
    document.getElementById("save").onclick = save;
    document.getElementById("save-below").onclick = save;
    document.getElementById("load").onchange = event => {
      const file = event.target.files[0];
      if (file) file.text().then(load);
    };
    build();
    """
}
