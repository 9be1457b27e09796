//! Writes the elements of a drawing.

use std::fmt::Write;

/// A drawing while it is made.
#[derive(Debug, Default)]
pub(super) struct Canvas(String);

/// The size of a drawing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) width: u32,
    pub(super) height: u32,
}

/// A labelled rectangle.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    /// What kind of thing it is.
    pub(super) group: &'static str,
    /// Whose it is.
    pub(super) class: String,
    /// What stands out, and what stands behind it.
    pub(super) label: (String, String),
    /// At the end of the label's line.
    pub(super) right: String,
    /// In a second line.
    pub(super) below: Option<String>,
    /// Everything, for whoever points at it and for those who hear it read.
    pub(super) title: String,
}

impl Canvas {
    pub(super) fn text(&mut self, x: u32, y: u32, class: &str, text: &str) {
        self.put(format_args!("<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{}</text>", escaped(text)));
    }

    pub(super) fn swatch(&mut self, x: u32, y: u32, class: &str) {
        self.put(format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"16\" height=\"16\" rx=\"3\" class=\"bh-swatch {class}\"/>"
        ));
    }

    /// Room between two stretches; a break where addresses are left out.
    pub(super) fn gap(&mut self, y: u32, x: u32, is_adjacent: bool) -> u32 {
        if is_adjacent {
            return y;
        }
        let at = x + 130;
        self.put(format_args!(
            "<line x1=\"{at}\" x2=\"{at}\" y1=\"{}\" y2=\"{}\" class=\"bh-gap\"/>",
            y + 3,
            y + 11
        ));
        y + 14
    }

    pub(super) fn region(&mut self, region: &Region) {
        let Region { x, y, width, height, group, class, label, right, below, title } = region;
        self.put(format_args!("<g class=\"{group} {class}\"><title>{}</title>", escaped(title)));
        self.put(format_args!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>"));
        let (band, end) = (x + 3, y + height);
        self.put(format_args!(
            "<line x1=\"{band}\" x2=\"{band}\" y1=\"{y}\" y2=\"{end}\" class=\"bh-band\"/>"
        ));
        let (name, what) = (escaped(&label.0), escaped(&label.1));
        let what =
            if what.is_empty() { what } else { format!("<tspan class=\"bh-what\" dx=\"8\">{what}</tspan>") };
        let (left, line) = (x + 13, y + 14);
        self.put(format_args!("<text x=\"{left}\" y=\"{line}\" class=\"bh-name\">{name}{what}</text>"));
        self.text(x + width - 8, y + 14, "bh-right", right);
        if let Some(below) = below {
            self.text(x + 13, y + 29, "bh-soft", below);
        }
        self.put(format_args!("</g>"));
    }

    /// The whole document.
    pub(super) fn document(self, frame: Frame, title: &str, style: &str) -> String {
        let (across, down) = (frame.width + 24, frame.height + 8);
        let title = escaped(title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"bh\" viewBox=\"-12 -4 {across} {down}\" role=\"img\" \
             aria-label=\"{title}\">\n<title>{title}</title>\n<style>\n{style}</style>\n\
             <path class=\"bh-paper\" d=\"M-12 -4h{across}v{down}h-{across}z\"/>\n{}</svg>\n",
            self.0
        )
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing into a string cannot fail.
        let _ = writeln!(self.0, "{element}");
    }
}

/// Text as XML and HTML want it.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// At most `most` characters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}
