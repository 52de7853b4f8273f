// Looks at a page as it stands and returns what is to be known about it. The
// browser test runs it in every page.
(() => {
  const root = document.documentElement;
  const describe = (el) => {
    const text = (el.textContent || "").trim().replace(/\s+/g, " ").slice(0, 40);
    const name = typeof el.className === "string" ? el.className : "";
    return `<${el.tagName.toLowerCase()}${name ? ` class="${name}"` : ""}> ${text}`;
  };
  const visible = (el) => {
    const box = el.getBoundingClientRect();
    const style = getComputedStyle(el);
    return box.width > 1 && box.height > 1 && style.visibility !== "hidden" && el.checkVisibility();
  };
  const within = (el, selector) => el.closest(selector) !== null;

  // Relative luminance and contrast as WCAG 2.2 defines them.
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const over = (top, below) => below.map((v, i) => (i === 3 ? 255 : (top[i] * top[3] + v * (255 - top[3])) / 255));
  const background = (el) => {
    const layers = [];
    for (let at = el; at; at = at.parentElement) {
      const layer = rgba(getComputedStyle(at).backgroundColor);
      layers.push(layer);
      if (layer[3] === 255) {
        break;
      }
    }
    return layers.reduceRight((below, layer) => over(layer, below), [255, 255, 255, 255]);
  };
  const contrast = (el) => {
    const behind = background(el);
    const [a, b] = [luminance(over(rgba(getComputedStyle(el).color), behind)), luminance(behind)];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };

  // The picture is read from a copy: reading a canvas often makes it slow, and
  // the browser complains.
  const copied = (picture) => {
    const copy = new OffscreenCanvas(picture.width, picture.height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(picture, 0, 0);
    return copy.getImageData(0, 0, picture.width, picture.height).data;
  };

  const ours = [...document.querySelectorAll("body *")].filter((el) => !within(el, "#docs"));
  const hasText = (el) => [...el.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim() !== "");
  const named = (el) => (el.textContent.trim() || el.getAttribute("aria-label") || el.getAttribute("title") || "") !== "";

  return {
    title: document.title,
    overflow: root.scrollWidth - root.clientWidth,
    outside: ours
      .filter((el) => visible(el) && !within(el, ".scroll, .snippet pre, .plot, .skip, .hidden, thead"))
      .filter((el) => el.getBoundingClientRect().right > root.clientWidth + 1 || el.getBoundingClientRect().left < -1)
      .map(describe),
    scripts: [...document.scripts].map((s) => (s.src ? new URL(s.src).pathname : s.type)),
    handlers: [...document.querySelectorAll("*")]
      .filter((el) => [...el.attributes].some((a) => a.name.startsWith("on")))
      .map(describe),
    charts: [...document.querySelectorAll(".plot")].map((plot) => {
      const chart = window.echarts?.getInstanceByDom(plot);
      const picture = plot.querySelector("canvas");
      const pixels = picture ? copied(picture) : [];
      return {
        id: plot.id,
        series: chart ? chart.getOption().series.length : 0,
        painted: pixels.some((v) => v !== 0),
        fits: picture !== null && Math.abs(picture.clientWidth - plot.clientWidth) <= 1,
      };
    }),
    faint: ours
      .filter((el) => hasText(el) && visible(el) && !within(el, ".skip, .hidden, noscript"))
      .filter((el) => contrast(el) < 4.5)
      .map((el) => `${contrast(el).toFixed(2)} ${describe(el)}`),
    nameless: ours
      .filter((el) => el.matches("a, button, summary, [role=img]") && !named(el))
      .concat(ours.filter((el) => el.matches("input:not([type=hidden])") && el.labels.length === 0))
      .map(describe),
    small: ours
      .filter((el) => el.matches("button, input:not([type=hidden]), .button") && visible(el))
      .filter((el) => el.getBoundingClientRect().height < 24)
      .map(describe),
    headings: document.querySelectorAll("h1").length,
    dark: luminance(background(document.body)) < 0.2,
  };
})()
