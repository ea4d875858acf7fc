//! What is shown while there is no image: that we are looking, or what to do.

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::State;
use crate::ui::Theme;
use crate::ui::canvas::Canvas;

pub(in crate::ui) fn draw(canvas: &mut Canvas<'_>, area: Rect, state: &State, theme: Theme) {
    if !state.complete {
        canvas.centred(area, &[(format!("looking for images in {}…", state.root), theme.quiet())]);
        return;
    }
    let lines = [
        (format!("There is no image in {}.", state.root), theme.strong()),
        (String::new(), Style::new()),
        ("seewhy demo".to_owned(), theme.accent()),
        ("shows what it does, with pictures and a model of its own".to_owned(), theme.quiet()),
        (String::new(), Style::new()),
        ("seewhy PATH… --model FILE.onnx".to_owned(), theme.accent()),
        ("opens directories and images with your model".to_owned(), theme.quiet()),
        (String::new(), Style::new()),
        ("q quits".to_owned(), theme.quiet()),
    ];
    canvas.centred(area, &lines);
}
