// Draws the figures, in the colours of the page: light, dark or paper.
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const plots = [...document.querySelectorAll(".plot")];
  const isTouch = matchMedia("(pointer: coarse)").matches;
  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    return Object.fromEntries(
      ["text", "muted", "paper", "line", "accent", "light", "heat", "shade", "grid"].map((name) =>
        [name, style.getPropertyValue("--" + name).trim()]));
  };
  const coloured = (figure, width) => {
    const colour = colours();
    const { data, layout } = structuredClone(figure);
    for (const trace of data) {
      if (trace.type !== "heatmap") continue;
      // where numbers are written on it, every shade lets them be read
      trace.colorscale = [[0, colour.light], [1, trace.text ? colour.heat : colour.accent]];
      trace.textfont = { color: colour.text };
      trace.colorbar.tickfont = { color: colour.muted };
    }
    for (const shape of layout.shapes) {
      if (shape.name === "shaded") shape.fillcolor = colour.shade;
      if (shape.name === "plain") shape.fillcolor = "rgba(0,0,0,0)";
      if (shape.type === "line") shape.line.color = colour.muted;
    }
    // a label needs about 6 pixels a letter, of what the labels of the axes leave
    const axis = width - (data[0].type === "heatmap" ? 230 : 90);
    layout.annotations = layout.annotations.filter((one) => one.room * axis > 6 * one.text.length);
    if (layout.showlegend) {
      const lines = width < 560 ? data.length : 1;
      layout.margin.b += 22 * lines;
      layout.height += 22 * lines;
    }
    for (const axis of [layout.xaxis, layout.yaxis]) {
      Object.assign(axis, { gridcolor: colour.grid, linecolor: colour.line, automargin: true });
    }
    Object.assign(layout, {
      autosize: true,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      dragmode: isTouch ? false : "zoom",
      font: { color: colour.text, size: 12, family: getComputedStyle(document.body).fontFamily },
      hoverlabel: { bgcolor: colour.paper, bordercolor: colour.muted, font: { color: colour.text }, align: "left" },
    });
    return { data, layout };
  };
  const config = { responsive: true, displaylogo: false, displayModeBar: isTouch ? false : "hover" };
  const draw = (width) => Promise.all(plots.map((plot) => {
    const { data, layout } = coloured(figures[plot.dataset.figure], width || plot.clientWidth);
    if (width) Object.assign(layout, { width, autosize: false });
    return Plotly.react(plot, data, layout, config);
  })).then(() => Object.assign(document.body.dataset, {
    drawn: plots.length,
    scheme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light",
  }));
  draw();
  const says = new ResizeObserver((all) => all.forEach(({ target }) =>
    target.classList.toggle("cut", target.scrollWidth > target.clientWidth)));
  document.querySelectorAll(".scroll").forEach((one) => says.observe(one));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
  matchMedia("print").addEventListener("change", (query) => draw(query.matches ? 680 : 0));
})();
