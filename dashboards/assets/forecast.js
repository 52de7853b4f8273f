// Draws the charts of the page of forecasts from the data in it.
'use strict';

(() => {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const data = JSON.parse(document.getElementById('data').textContent) || [];
  const elements = document.querySelectorAll('.chart');

  // A band is two stacked areas: an unseen one up to the lower bound, and the
  // distance to the upper bound above it.
  const band = (name, x, lo, hi, opacity) => [
    { name, type: 'line', stack: name, stackStrategy: 'all', symbol: 'none', silent: true,
      lineStyle: { opacity: 0 }, data: lo.map((v, i) => [x(i), v]) },
    { name, type: 'line', stack: name, stackStrategy: 'all', symbol: 'none', silent: true,
      lineStyle: { opacity: 0 }, areaStyle: { opacity, color: '#3b7dd8' },
      itemStyle: { color: '#3b7dd8', opacity }, data: hi.map((v, i) => [x(i), v - lo[i]]) },
  ];

  const charts = data.map((d, i) => {
    const end = d.first + d.history.length;
    const ahead = (k) => end + k;
    const chart = echarts.init(elements[i], dark ? 'dark' : null);
    chart.setOption({
      animation: false,
      backgroundColor: 'transparent',
      grid: { left: 70, right: 20, top: 40, bottom: 70 },
      legend: { data: ['history', 'forecast', '80 %', '95 %'] },
      tooltip: { trigger: 'axis' },
      xAxis: { type: 'value', min: d.first, max: end + d.mean.length - 1, name: 'step' },
      yAxis: { type: 'value', scale: true },
      dataZoom: [{ type: 'inside' }, { type: 'slider' }],
      series: [
        ...band('95 %', ahead, d.lo95, d.hi95, 0.15),
        ...band('80 %', ahead, d.lo80, d.hi80, 0.3),
        { name: 'history', type: 'line', symbol: 'none', lineStyle: { width: 1.2 },
          itemStyle: { color: dark ? '#ccc' : '#444' },
          data: d.history.map((v, k) => [d.first + k, v]) },
        { name: 'forecast', type: 'line', symbol: 'none', itemStyle: { color: '#d8503b' },
          data: d.mean.map((v, k) => [ahead(k), v]) },
      ],
    });
    return chart;
  });
  addEventListener('resize', () => charts.forEach((c) => c.resize()));
})();
