/* The page on which the model runs: what the reader asks, what the model answers, and the features that the reader moves. */
(() => {
  "use strict";
  const folder = new URL(".", document.currentScript.src);
  const PAUSE = 120; // milliseconds after the last key before the model reads
  const SHOWN = 8; // features that are listed at first
  const SCALE = { least: 0, most: 4, step: 0.1, rest: 1, unit: "its value" };
  const ADD = { least: 0, most: 2, step: 0.05, rest: 0, unit: "its maximum" };

  const at = (id) => document.getElementById(`demo-${id}`);
  const percent = (share) => share > 0 && share < 0.005 ? "< 1\u00a0%" : share < 1 && share > 0.995 ? "> 99\u00a0%" : `${Math.round(100 * share)}\u00a0%`;

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("--")) made.style.setProperty(key, value);
      else if (value !== false) made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...children);
    return made;
  };

  const start = () => {
    const { model, Tokenizer, Network, Sae } = window.emomech;
    const tokenizer = new Tokenizer(model), network = new Network(model);
    const labels = Object.keys(model.labels), saes = new Map(), loading = new Map();
    const state = { text: "", person: "", ids: [], depth: 0, depths: [], before: [], moves: new Map(), fires: [], all: false, pair: [] };
    const colour = (label) => ({ "--emotion": model.colours[label] });
    const place = (depth) => depth === 0 ? "at the embedding" : `after block ${depth}`;
    const told = (label, depth, share) => `${label}, ${place(depth)}: ${percent(share)}`;

    /* Load the autoencoder of a depth when the reader first selects that depth. */
    const sae = (depth) => {
      if (!loading.has(depth)) {
        loading.set(depth, new Promise((resolve, reject) => {
          const script = element("script", { src: new URL(`demo-sae-${depth}.js`, folder) });
          script.onload = () => resolve(saes.set(depth, new Sae(window.emomech.saes[depth])));
          script.onerror = () => reject(new Error(`demo-sae-${depth}.js is missing`));
          document.head.append(script);
        }));
      }
      return loading.get(depth);
    };

    /* The question */

    const persons = (text) => {
      const names = [...text.matchAll(/\p{L}+/gu)].map(([word]) => word);
      const found = names.map((word) => /^(I|me|my|My)$/.test(word) ? "I" : word).filter((word) => word === "I" || model.persons.includes(word));
      return found.length ? [...new Set(found)] : ["I"];
    };

    const gold = (text) => model.examples.flatMap((one) => [one, one.exchanged]).find((one) => one.text === text);

    /* Set the options of a select element; unchanged options stay in place, so that an open list stays open. */
    const offer = (select, options, chosen) => {
      if (JSON.stringify(options) !== select.dataset.options) {
        select.replaceChildren(...options.map(([value, name]) => element("option", { value }, name)));
        select.dataset.options = JSON.stringify(options);
      }
      select.value = chosen;
    };

    const offerExamples = () => {
      const options = model.examples.map(({ text, exchanged, style }, i) => {
        const shown = text === state.text || exchanged.text !== state.text ? text : exchanged.text;
        return [String(i), `${style[0].toUpperCase()}${style.slice(1)}: ${shown.length > 72 ? `${shown.slice(0, 72)}…` : shown}`];
      });
      const chosen = model.examples.findIndex(({ text, exchanged }) => [text, exchanged.text].includes(state.text));
      offer(at("example"), chosen < 0 ? [...options, ["own", "Your own text"]] : options, chosen < 0 ? "own" : String(chosen));
    };

    /* The text with two persons exchanged: as the grammar writes it for an example, else with the two names exchanged. */
    const exchanged = () => {
      const known = model.examples.find((one) => one.text === state.text), back = model.examples.find((one) => one.exchanged.text === state.text);
      if (known || back) return known ? known.exchanged.text : back.text;
      const names = persons(state.text).filter((name) => name !== "I");
      const pair = state.pair.every((name) => names.includes(name)) ? state.pair : [state.person, names.find((name) => name !== state.person)];
      if (pair.length < 2 || !pair.every((name) => names.includes(name))) return null;
      return state.text.replace(/\p{L}+/gu, (word) => word === pair[0] ? pair[1] : word === pair[1] ? pair[0] : word);
    };

    /* Underline unknown words, in a layer behind the text that the reader types. */
    const mark = () => {
      const text = at("text").value, words = text ? tokenizer.words(text) : [];
      const added = text.startsWith(" ") ? 0 : 1; // the space that the tokenizer puts before a text
      at("marks").replaceChildren(...words.flatMap(({ text: word, known }, i) => {
        const written = i === 0 ? word.slice(added) : word, bare = written.trimStart();
        const space = written.slice(0, written.length - bare.length);
        return known || !bare ? [written] : [space, element("span", { class: "demo-unknown" }, bare)];
      }));
      at("marks").scrollTop = at("text").scrollTop;
    };

    const read = () => {
      const known = gold(state.text), names = persons(state.text);
      if (known) state.pair = Object.keys(known.feels);
      if (!names.includes(state.person)) state.person = names[0];
      offer(at("person"), names.map((name) => [name, name]), state.person);
      offerExamples();
      at("exchange").disabled = exchanged() === null;
      const question = model.template.replace("{text}", state.text.trim()).replace("{person}", state.person);
      const unknown = tokenizer.words(question).filter((word) => !word.known && word.text.trim());
      mark();
      at("asked").textContent = model.template.replace("{text}", "").replace("{person}", state.person).trim();
      state.ids = tokenizer.encode(question);
      const long = state.ids.length > model.context;
      const list = [...new Set(unknown.map((word) => word.text.trim()))].slice(0, 6).join(", ");
      at("remark").textContent = long ? `The text has ${state.ids.length} tokens, and the model reads ${model.context} at most. The results below are those of the previous text.`
        : list ? `Unknown to the model, read as single bytes: ${list}` : "";
      if (long) return;
      state.depths = network.run(state.ids);
      state.before = state.depths.map((x) => network.readOut(x));
      think();
    };

    /* The answer */

    /* Changes of an activation's features by the reader's moves, as [number, difference]. */
    const differences = (dictionary) => {
      const now = new Map(dictionary.encode(state.depths[state.depth]));
      return [...state.moves].map(([feature, { kind, value }]) =>
        [feature, kind === ADD ? value * dictionary.peak[feature] : (value - 1) * (now.get(feature) ?? 0)]);
    };

    const think = () => {
      const dictionary = saes.get(state.depth);
      let after = state.before;
      if (dictionary && state.moves.size) {
        const moved = dictionary.move(state.depths[state.depth], differences(dictionary));
        after = [...state.before.slice(0, state.depth), ...network.follow(state.depth, moved).map((x) => network.readOut(x))];
      }
      showAnswer(after);
      listFeatures();
      window.emomech.shown = { // what the page shows, unrounded
        text: state.text, person: state.person, ids: state.ids, depth: dictionary ? state.depth : null,
        readOuts: after.map(({ labels: shares }) => shares), features: state.fires,
      };
    };

    const best = (shares) => labels[shares.indexOf(Math.max(...shares))];

    const showAnswer = (after) => {
      const before = state.before.at(-1).labels, now = after.at(-1).labels, label = best(now);
      const first = best(before), i = labels.indexOf(first), nats = (shares) => (Math.log(shares[i]) - Math.log(1 - shares[i])).toFixed(1).replace("-", "−");
      const said = [state.moves.size ? `Log-odds of ${first}, the answer before: ${nats(before)} → ${nats(now)} nats.` : `Log-odds: ${nats(now)} nats.`];
      const ruled = gold(state.text)?.feels[state.person];
      if (ruled) said.push(`By the rule of the grammar: ${ruled}.`);
      if (after.at(-1).share < 0.9) said.push(`Emotion names hold ${percent(after.at(-1).share)} of the total probability.`);
      at("answer").replaceChildren(`${state.person} felt `, element("strong", colour(label), label), `, ${percent(Math.max(...now))}`,
        element("small", {}, said.join(" ")));
      document.getElementById("demo").classList.toggle("demo-moved", state.moves.size > 0);
      labels.forEach((name, i) => {
        const row = at("rows").children[i], shares = after.map((one) => one.labels[i]);
        shares.forEach((share, depth) => {
          const cell = row.children[depth + 1];
          cell.style.setProperty("--p", share.toFixed(4));
          cell.title = told(name, depth, share);
          cell.firstChild.textContent = percent(share);
        });
        const track = row.querySelector(".demo-track");
        track.style.setProperty("--p", now[i].toFixed(4));
        track.style.setProperty("--before", before[i].toFixed(4));
        row.lastChild.textContent = percent(now[i]);
      });
    };

    const makeTable = () => {
      const columns = Array.from({ length: model.layers + 1 }, (_, depth) => depth);
      at("columns").append(element("col", { class: "demo-name" }), ...columns.map(() => element("col", { class: "demo-column" })),
        element("col"), element("col", { class: "demo-share" }));
      at("head").append(element("th", { scope: "col" }, element("span", { class: "emo-hidden" }, "Emotion")),
        ...columns.map((depth) => {
          const button = element("button", { type: "button", "aria-label": `Read ${place(depth)} and list its features`, "aria-pressed": "false" }, String(depth));
          button.addEventListener("click", () => choose(depth));
          return element("th", { scope: "col" }, button);
        }),
        element("th", { class: "demo-answered", scope: "colgroup", colspan: 2 }, "Answer"));
      at("rows").append(...labels.map((label) => element("tr", colour(label), element("th", { scope: "row" }, label),
        ...columns.map(() => element("td", { class: "demo-cell" }, element("span", { class: "emo-hidden" }))),
        element("td", { class: "demo-bar", "aria-hidden": "true" }, element("span", { class: "demo-track" })),
        element("td", { class: "demo-share" }))));
    };

    /* Features */

    const listFeatures = () => {
      const dictionary = saes.get(state.depth);
      if (!dictionary) return;
      const fires = dictionary.encode(state.depths[state.depth]), firing = new Map(fires);
      const silent = [...state.moves.keys()].filter((feature) => !firing.has(feature));
      const rows = [...fires, ...silent.map((feature) => [feature, 0])];
      const listed = rows.filter(([feature], i) => state.all || i < SHOWN || state.moves.has(feature));
      const kinds = listed.map(([feature]) => [feature, state.moves.get(feature)?.kind === ADD]);
      state.fires = fires;
      at("more").hidden = fires.length <= SHOWN;
      const list = at("features"), same = JSON.stringify([state.depth, kinds]);
      if (list.dataset.listed !== same) {
        list.replaceChildren(...listed.map(([feature]) => featureRow(dictionary, feature)));
        list.dataset.listed = same;
      }
      listed.forEach(([feature, value], i) => {
        list.children[i].querySelector(".demo-value").textContent = value.toFixed(2);
        showMove(list.children[i], feature);
      });
      at("reset").disabled = state.moves.size === 0;
    };

    const featureRow = (dictionary, feature) => {
      const label = dictionary.selective[feature], profile = dictionary.profile(feature), most = Math.max(...profile, 1e-6);
      const kind = state.moves.get(feature)?.kind ?? SCALE;
      const described = labels.map((name, i) => `${name} ${profile[i].toFixed(2)}`).join(", ");
      const slider = element("input", {
        type: "range", min: kind.least, max: kind.most, step: kind.step, value: state.moves.get(feature)?.value ?? kind.rest,
        "aria-label": kind === ADD ? `Add to feature ${feature}, in units of its maximum` : `Multiply feature ${feature}`,
      });
      slider.addEventListener("input", () => {
        const value = Number(slider.value);
        if (kind === SCALE && value === SCALE.rest) state.moves.delete(feature);
        else state.moves.set(feature, { kind, value });
        think();
      });
      return element("li", { "data-feature": feature },
        element("span", { class: "demo-number" }, `#${feature}`),
        label ? element("span", { class: "demo-for", ...colour(label), title: `fires for ${label}` }, label)
          : element("span", { class: "demo-for", title: "fires for no emotion beyond chance" }, "–"),
        element("span", { class: "demo-profile", role: "img", "aria-label": `Mean by emotion: ${described}`, title: described },
          ...labels.map((name, i) => element("i", { ...colour(name), "--p": (profile[i] / most).toFixed(3) }))),
        element("span", { class: "demo-value", title: "value at the last word" }), slider, element("output"));
    };

    const showMove = (row, feature) => {
      const move = state.moves.get(feature), kind = move?.kind ?? SCALE, value = move?.value ?? kind.rest;
      row.classList.toggle("demo-changed", Boolean(move));
      row.querySelector("output").textContent = kind === ADD ? `+ ${value.toFixed(2)} × max` : `× ${value.toFixed(1)}`;
      const slider = row.querySelector("input");
      if (Number(slider.value) !== value) slider.value = value;
    };

    const choose = async (depth) => {
      if (depth !== state.depth) state.moves.clear();
      state.depth = depth;
      at("depth").value = String(depth);
      at("head").querySelectorAll("button").forEach((button, i) => button.setAttribute("aria-pressed", String(i === depth)));
      await sae(depth).catch((error) => { 
        at("remark").textContent = `The features cannot be shown: ${error.message}.`;
        at("features").replaceChildren();
      });
      if (state.depth === depth) think();
    };

    /* Add the silent feature that is selective for the chosen emotion and has the largest mean on its texts. */
    const addSilent = () => {
      const dictionary = saes.get(state.depth), label = at("silent").value, i = labels.indexOf(label);
      const firing = new Set(dictionary.encode(state.depths[state.depth]).map(([feature]) => feature));
      const free = dictionary.selective.map((name, feature) => [feature, name])
        .filter(([feature, name]) => name === label && !firing.has(feature) && !state.moves.has(feature)).map(([feature]) => feature);
      if (!free.length) {
        at("remark").textContent = `No silent feature ${place(state.depth)} fires for ${label}.`;
        return;
      }
      const feature = free.reduce((one, other) => dictionary.profile(other)[i] > dictionary.profile(one)[i] ? other : one);
      state.moves.set(feature, { kind: ADD, value: 0.5 });
      think();
      at("features").querySelector(`[data-feature="${feature}"] input`).focus();
    };

    /* What the reader does */

    const ask = (text, person) => {
      state.text = at("text").value = text;
      state.person = person;
      read();
    };

    let pause = 0;
    at("text").addEventListener("scroll", () => { at("marks").scrollTop = at("text").scrollTop; });
    at("text").addEventListener("input", () => {
      mark();
      clearTimeout(pause);
      pause = setTimeout(() => {
        state.text = at("text").value;
        read();
      }, PAUSE);
    });
    at("person").addEventListener("change", (event) => ask(state.text, event.target.value));
    at("example").addEventListener("change", (event) => {
      const one = model.examples[event.target.value];
      if (one) ask(one.text, one.person);
    });
    at("exchange").addEventListener("click", () => ask(exchanged(), state.person));
    at("depth").addEventListener("change", (event) => choose(Number(event.target.value)));
    at("reset").addEventListener("click", () => {
      state.moves.clear();
      think();
    });
    at("more").addEventListener("click", () => {
      state.all = !state.all;
      at("more").setAttribute("aria-expanded", String(state.all));
      at("more").textContent = state.all ? "Show only the strongest" : "Show weaker features";
      listFeatures();
    });
    at("add").addEventListener("click", addSilent);

    makeTable();
    offer(at("depth"), Array.from({ length: model.layers + 1 }, (_, depth) => [String(depth), place(depth)]), "");
    offer(at("silent"), labels.map((label) => [label, label]), labels[0]);
    const first = model.examples.find((one) => one.feels[one.person] === "anger") ?? model.examples[0];
    ask(first.text, first.person);
    choose(model.layers - 2);
  };

  if (window.emomech?.model) start();
  else at("remark").textContent = "The model’s weights could not be loaded.";
})();
