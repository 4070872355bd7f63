/* Draws every chart of the page to fit the available width.

   Text and lines have the colour of the page ("currentColor"), so that neither print nor a switch between light and dark
   mode needs a second drawing. On a narrow page long labels are cut; tooltips and the data table show them in full. */
(() => {
  "use strict";
  const NARROW = 520;
  const NARROW_LABEL = 116;
  const LONG_NAME = 13;
  const MARK = 6; // pixels that a mark at the edge extends beyond it
  const INK = "currentColor";
  const PANELS = 3; // most panels side by side
  const PANEL_AXIS = 60; // pixels between two panels, for labels and space

  const config = (narrow, spec) => ({
    background: "transparent",
    autosize: spec.facet ? { type: "pad" } : { type: "fit-x", contains: "padding" },
    axis: {
      labelColor: INK, titleColor: INK, domainColor: INK, tickColor: INK, gridColor: INK,
      gridOpacity: 0.13, domainOpacity: 0.35, tickOpacity: 0.35, labelOpacity: 0.85,
      ...(narrow ? { titleLimit: 250, labelLimit: NARROW_LABEL } : {}),
    },
    legend: { labelColor: INK, titleColor: INK, labelOpacity: 0.9 },
    header: { labelColor: INK, titleColor: INK },
    title: { color: INK, subtitleColor: INK },
    text: { color: INK },
    view: { stroke: null },
  });

  /* A copy of a specification with shorter labels and fewer legend columns, for a narrow page. */
  const narrowed = (node, columns) => {
    if (Array.isArray(node)) return node.map((each) => narrowed(each, columns));
    if (node === null || typeof node !== "object") return node;
    return Object.fromEntries(Object.entries(node).map(([key, value]) =>
      key === "datasets" || key === "values" ? [key, value]
        : key === "labelLimit" && node.labelAngle !== -90 ? [key, Math.min(value, NARROW_LABEL)]
          : key === "columns" ? [key, columns] : [key, narrowed(value, columns)]));
  };

  /* A copy of a specification whose panels share the width: up to three side by side, or one below another. */
  const panelled = (spec, width) => {
    if (!spec.facet) return spec;
    const rows = spec.datasets[spec.data.name];
    const panels = new Set(rows.map((row) => row[spec.facet.field])).size;
    const columns = width < NARROW ? 1 : Math.min(panels, PANELS);
    const panel = Math.floor(width / columns) - PANEL_AXIS;
    return { ...spec, columns, spec: { ...spec.spec, width: panel } };
  };

  /* The names in the colour scales of a specification. */
  const coloured = (node) => {
    if (node === null || typeof node !== "object") return [];
    const parts = Object.entries(node).filter(([key]) => key !== "datasets" && key !== "values");
    return [...(node.color?.scale?.domain ?? []), ...parts.flatMap(([, part]) => coloured(part))];
  };

  /* Two columns in a narrow legend of short names, else one. */
  const legendColumns = (spec) => coloured(spec).some((name) => String(name).length > LONG_NAME) ? 1 : 2;

  const describe = (frame, error) => {
    const message = document.createElement("p");
    message.className = "emo-failed";
    message.textContent = `This figure could not be drawn (${error.message}). Its data are in the table below.`;
    frame.append(message);
  };

  /* The data of the table below a chart, which are its largest data set, as CSV. */
  const csv = (spec) => {
    const sets = [...Object.values(spec.datasets ?? {}), spec.data?.values].filter(Array.isArray);
    const rows = sets.reduce((largest, rows) => rows.length > largest.length ? rows : largest, []);
    const columns = [...new Set(rows.flatMap(Object.keys))];
    const cell = (value) => /[",\n\r]/.test(value ?? "") ? `"${String(value).replaceAll('"', '""')}"` : String(value ?? "");
    return [columns, ...rows.map((row) => columns.map((column) => row[column]))].map((row) => row.map(cell).join(",")).join("\n") + "\n";
  };

  const offerData = (mount, chart) => {
    const link = document.createElement("a");
    link.textContent = "Save data as CSV";
    link.download = `${chart.name}.csv`;
    link.href = URL.createObjectURL(new Blob([csv(chart.spec)], { type: "text/csv" }));
    mount.querySelector(".vega-actions")?.append(link);
  };

  /* A click on a layer of a figure follows the link to that layer's features, below the figure. */
  const leadToLayers = (mount, chart) => {
    const nav = chart.frame.parentElement.querySelector(".emo-layers:not([hidden])");
    const layers = [...nav?.querySelectorAll("[data-depth]") ?? []];
    if (!layers.length) return;
    const pointedAt = (event) => {
      const plot = mount.querySelector("svg.marks .mark-group.role-frame path.background").getBoundingClientRect();
      const [right, down] = [event.clientX - plot.left, event.clientY - plot.top];
      if (right < -MARK || right > plot.width + MARK || down < -MARK || down > plot.height + MARK) return null;
      const depth = chart.view.scale("x").invert((right / plot.width) * chart.view.signal("width"));
      const away = (layer) => Math.abs(layer.dataset.depth - depth);
      return layers.reduce((nearest, layer) => away(layer) < away(nearest) ? layer : nearest);
    };
    const mark = (pointed) => {
      layers.forEach((layer) => layer.classList.toggle("emo-here", layer === pointed));
      mount.style.cursor = pointed ? "pointer" : "";
    };
    mount.addEventListener("mousemove", (event) => mark(pointedAt(event)));
    mount.addEventListener("mouseleave", () => mark(null));
    mount.addEventListener("click", (event) => {
      const layer = pointedAt(event);
      if (!layer) return;
      if (layer.href) location.assign(layer.href);
      else nav.querySelector("[role=status]").textContent = `No causal feature was found at depth ${layer.textContent.split(" ")[0]}.`;
    });
  };

  const draw = async (chart) => {
    const narrow = chart.frame.clientWidth < NARROW;
    chart.narrow = narrow;
    const kept = chart.view ? chart.view.getState({ signals: (name) => chart.bound.has(name), data: () => false }) : null;
    const mount = document.createElement("div");
    mount.className = "emo-mount";
    chart.frame.querySelector(".emo-mount")?.remove();
    chart.frame.append(mount);
    const fitted = narrow ? narrowed(chart.spec, legendColumns(chart.spec)) : chart.spec;
    const result = await window.vegaEmbed(mount, panelled(fitted, chart.frame.clientWidth), {
      mode: "vega-lite", renderer: "svg", config: config(narrow, chart.spec), tooltip: { theme: "emo" },
      actions: { export: true, source: false, compiled: false, editor: false },
      downloadFileName: chart.name,
    });
    mount.querySelector("details > summary")?.setAttribute("aria-label", "Save this figure");
    chart.view = result.view;
    offerData(mount, chart);
    leadToLayers(mount, chart);
    if (kept) await chart.view.setState(kept).runAsync();
    chart.frame.dataset.drawn = "true";
  };

  const watch = (chart) => {
    let width = chart.frame.clientWidth;
    new ResizeObserver(() => {
      if (chart.frame.clientWidth === width) return;
      width = chart.frame.clientWidth;
      if (chart.spec.facet || (width < NARROW) !== chart.narrow) draw(chart).catch((error) => describe(chart.frame, error));
      else window.dispatchEvent(new Event("resize"));
    }).observe(chart.frame);
  };

  const show = async (frame, index) => {
    try {
      const spec = JSON.parse(frame.querySelector("script").textContent);
      const page = location.pathname.split("/").pop().replace(/\.html$/, "");
      const bound = new Set((spec.params ?? []).filter((param) => param.bind).map((param) => param.name));
      const chart = { frame, spec, bound, name: `${page}-figure-${index + 1}`, view: null, narrow: false };
      await draw(chart);
      watch(chart);
    } catch (error) {
      describe(frame, error);
    }
  };

  /* Draw one chart at a time, so that the first appears early; the page can respond between two charts. */
  document.addEventListener("DOMContentLoaded", async () => {
    for (const [index, frame] of document.querySelectorAll(".emo-vega").entries()) {
      await show(frame, index);
      await new Promise((resolve) => setTimeout(resolve));
    }
  });
})();
