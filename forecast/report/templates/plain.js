drawing.start((name) => drawing.show(drawing.chart(name), drawing.figures[name]));
