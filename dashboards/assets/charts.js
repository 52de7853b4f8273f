// Draws every chart of the page. The options come from the server as data in
// <script type="application/json" class="chart">; colours come from the style
// sheet; no text of theirs is ever taken for HTML or for code.
const drawn = [];
const calm = matchMedia("(prefers-reduced-motion: reduce)");

// colour resolves a custom property, light-dark() and all.
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function palette(options, { rest, signed }) {
  if (signed !== undefined) {
    return [colour("--profit"), colour("--loss")];
  }
  const colours = [1, 2, 3, 4, 5].map((n) => colour(`--series-${n}`));
  if (rest !== undefined) {
    colours.length = Math.min(options.series.length - 1, colours.length);
    colours.push(colour("--series-rest"));
  }
  return colours;
}

// formats returns how values are written on the axis and in full.
function formats({ currency, digits }) {
  if (!currency) {
    const full = new Intl.NumberFormat("en");
    const short = new Intl.NumberFormat("en", { notation: "compact" });
    return { axis: (v) => short.format(v), value: (v) => full.format(v) };
  }
  const money = { style: "currency", currency, currencyDisplay: "narrowSymbol" };
  const fine = (v) => (v !== 0 && Math.abs(v) < 1 ? 6 : Number(digits));
  const written = (v, more) =>
    new Intl.NumberFormat("en", { ...money, minimumFractionDigits: 0, maximumFractionDigits: fine(v), ...more }).format(v);
  return {
    axis: (v) => (Math.abs(v) < 10000 ? written(v) : written(v, { notation: "compact", maximumFractionDigits: 1 })),
    value: (v) => written(v, Math.abs(v) < 1 ? {} : { minimumFractionDigits: Number(digits) }),
  };
}

function dress(options, script) {
  const text = colour("--text");
  const muted = colour("--muted");
  const line = colour("--line");
  const font = getComputedStyle(document.body).fontFamily;
  const format = formats(script.dataset);
  const lying = Number(script.dataset.rows) > 0;
  const narrow = document.getElementById(script.dataset.plot).clientWidth < 480;

  options.animation = !calm.matches;
  options.animationDuration = 250;
  options.backgroundColor = "transparent";
  options.color = palette(options, script.dataset);
  options.textStyle = { fontFamily: font, color: text };
  options.grid = { left: 0, right: 16, top: 10, bottom: options.legend.show ? 36 : 4, containLabel: true };
  Object.assign(options.legend, {
    bottom: 0, left: 0, icon: "roundRect", itemWidth: 12, itemHeight: 12, itemGap: 16,
    textStyle: { color: muted, fontFamily: font, width: narrow ? 120 : 180, overflow: "truncate" },
    pageTextStyle: { color: muted }, pageIconColor: muted, pageIconInactiveColor: line,
  });
  Object.assign(options.tooltip, {
    renderMode: "richText", confine: true, backgroundColor: colour("--surface"), borderColor: line, padding: [10, 14],
    textStyle: { color: text, fontFamily: font, fontSize: 13, lineHeight: 20 },
    valueFormatter: (v) => (v === undefined || v === "-" ? "–" : format.value(Number(v))),
    axisPointer: { type: "shadow", shadowStyle: { color: line, opacity: 0.35 } },
  });
  const values = {
    type: "value", axisLabel: { color: muted, fontFamily: font, formatter: format.axis, hideOverlap: true },
    splitLine: { lineStyle: { color: line } }, splitNumber: 4,
  };
  const names = {
    type: "category", axisLine: { lineStyle: { color: line } }, axisTick: { show: false },
    axisLabel: { color: muted, fontFamily: font, hideOverlap: true },
  };
  if (lying) {
    names.axisLabel = { color: text, fontFamily: font, width: narrow ? 110 : 220, overflow: "truncate" };
    names.axisLine.show = false;
  }
  for (const axis of [...options.xAxis, ...options.yAxis]) {
    const category = axis.data !== undefined;
    Object.assign(axis, category ? names : values);
  }
  for (const [i, series] of options.series.entries()) {
    const last = i === options.series.length - 1;
    series.barMaxWidth = lying ? 18 : 36;
    if ("signed" in script.dataset) {
      series.itemStyle = { borderRadius: i === 0 ? [3, 3, 0, 0] : [0, 0, 3, 3] };
      continue;
    }
    series.itemStyle = { borderRadius: lying ? [0, 4, 4, 0] : last ? [3, 3, 0, 0] : 0 };
    if (series.type === "line") {
      // What was used, then what is expected with the bands around it.
      const tone = options.color[Math.min(i, 1)];
      series.itemStyle = { color: tone };
      series.lineStyle = { color: tone, width: 2 };
    }
    series.emphasis = { focus: options.series.length > 1 ? "series" : "none" };
  }
  fill(options, format);
  return options;
}

// fill draws each pair of series "NAME from" and "NAME to" as one band: an unseen
// area up to the lower bound and, stacked on it, the distance to the upper one.
function fill(options, format) {
  const bands = new Map();
  for (const series of options.series) {
    const [, name, end] = /^(.*) (from|to)$/.exec(series.name) ?? [];
    if (end) {
      bands.set(name, { ...bands.get(name), [end]: series });
    }
  }
  if (bands.size === 0) {
    return;
  }
  const bounds = new Map();
  for (const [name, { from, to }] of bands) {
    const low = from.data.map((d) => d.value);
    const high = to.data.map((d) => d.value);
    bounds.set(name, (at) => (low[at] === "-" ? "–" : `${format.value(low[at])} … ${format.value(high[at])}`));
    const opacity = 0.45 / (bounds.size + 1);
    for (const [series, seen] of [[from, 0], [to, opacity]]) {
      const tone = series.itemStyle.color;
      Object.assign(series, {
        name, stack: name, stackStrategy: "all", symbol: "none", silent: true, z: 1,
        lineStyle: { opacity: 0 }, itemStyle: { color: tone, opacity: 2 * opacity },
        areaStyle: { color: tone, opacity: seen }, emphasis: { disabled: true },
      });
    }
    to.data = high.map((v, at) => ({ value: v === "-" ? v : v - low[at] }));
  }
  // Bands are read by their ends; what is stacked would read wrongly.
  options.tooltip.formatter = (points) => {
    const lines = points
      .filter((p) => !bounds.has(p.seriesName) && p.value !== "-")
      .map((p) => `${p.seriesName}: ${format.value(Number(p.value))}`);
    for (const [name, of] of bounds) {
      lines.push(`${name}: ${of(points[0].dataIndex)}`);
    }
    return [points[0].axisValueLabel, ...lines].join("\n");
  };
}

function draw(script) {
  const plot = document.getElementById(script.dataset.plot);
  const rows = Number(script.dataset.rows);
  if (rows > 0) {
    plot.style.height = `${rows * 34 + 34}px`;
  }
  const chart = window.echarts.init(plot, null, { renderer: "canvas" });
  chart.setOption(dress(JSON.parse(script.textContent), script));
  return chart;
}

for (const script of document.querySelectorAll('script.chart[type="application/json"]')) {
  const entry = { script, chart: draw(script) };
  drawn.push(entry);
  new ResizeObserver(() => entry.chart.resize()).observe(document.getElementById(script.dataset.plot));
}

document.addEventListener("themechange", () => {
  for (const entry of drawn) {
    entry.chart.dispose();
    entry.chart = draw(entry.script);
  }
});
