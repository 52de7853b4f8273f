// Draws the charts of the page of forecasts from the data in it.
'use strict';

(() => {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const colours = { history: dark ? '#ccc' : '#444', forecast: '#d8503b', band: '#3b7dd8' };
  const data = JSON.parse(document.getElementById('data').textContent) || [];
  const elements = document.querySelectorAll('.chart');

  // A band is two stacked areas: an unseen one up to the lower bound, and the
  // distance to the upper bound above it.
  const band = (name, past, lo, hi, opacity) => {
    const part = (values, area) => ({
      name, type: 'line', stack: name, stackStrategy: 'all', symbol: 'none', silent: true,
      lineStyle: { opacity: 0 }, itemStyle: { color: colours.band, opacity },
      areaStyle: { color: colours.band, opacity: area }, data: [...past, ...values],
    });
    return [part(lo, 0), part(hi.map((v, i) => v - lo[i]), opacity)];
  };

  // What is read at a step; the stacked parts of the bands would read wrongly.
  const read = (d, at) => {
    const k = at - d.first - d.history.length;
    const row = (name, ...v) => `<br>${name}: ${v.map((x) => +x.toPrecision(6)).join(' … ')}`;
    if (k < 0) {
      const v = d.history[at - d.first];
      return `step ${at}` + (v === null ? '<br>missing' : row('history', v));
    }
    return `step ${at}` + row('forecast', d.mean[k]) + row('80 %', d.lo80[k], d.hi80[k]) +
      row('95 %', d.lo95[k], d.hi95[k]);
  };

  const charts = data.map((d, i) => {
    const past = d.history.map(() => null);
    const chart = echarts.init(elements[i], dark ? 'dark' : null);
    chart.setOption({
      animation: false,
      backgroundColor: 'transparent',
      grid: { left: 70, right: 20, top: 40, bottom: 80 },
      legend: { data: ['history', 'forecast', '80 %', '95 %'] },
      tooltip: { trigger: 'axis', formatter: (points) => read(d, +points[0].axisValue) },
      xAxis: { type: 'category', data: [...past, ...d.mean].map((_, k) => d.first + k) },
      yAxis: { type: 'value', scale: true },
      dataZoom: [{ type: 'inside' }, { type: 'slider', showDataShadow: false }],
      series: [
        ...band('95 %', past, d.lo95, d.hi95, 0.2),
        ...band('80 %', past, d.lo80, d.hi80, 0.4),
        { name: 'history', type: 'line', symbol: 'none', lineStyle: { width: 1.2 },
          itemStyle: { color: colours.history }, data: d.history },
        { name: 'forecast', type: 'line', symbol: 'none', itemStyle: { color: colours.forecast },
          data: [...past, ...d.mean] },
      ],
    });
    return chart;
  });
  addEventListener('resize', () => charts.forEach((c) => c.resize()));
})();
