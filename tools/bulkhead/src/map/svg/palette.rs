//! Whose colour is which.
//!
//! Okabe and Ito, "Color Universal Design" (2008), without black and yellow, which a page needs for itself
//! or cannot show. Beyond six owners the band at the left is broken up, so that it is still one owner's.

/// How rectangles and text look. Renderers that know no media queries draw the light one.
pub(super) const STYLE: &str = "\
.bh text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','DejaVu Sans',sans-serif;font-size:12px;fill:#1b1d21}
.bh .bh-paper{fill:#fff}
.bh .bh-title{font-size:24px;font-weight:650}
.bh .bh-head{font-size:15px;font-weight:650}
.bh .bh-name{font-weight:550}
.bh .bh-what{font-weight:400}
.bh .bh-soft,.bh .bh-right{fill:#5a606b}
.bh .bh-right{text-anchor:end;font-size:11px}
.bh .bh-address{text-anchor:end;font-size:11px;font-family:ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#5a606b}
.bh rect{stroke:#fff;stroke-width:1;fill-opacity:.22}
.bh line.bh-band{stroke-width:5}
.bh line.bh-gap{stroke:#b4bac4;stroke-width:2;stroke-dasharray:1 4}
.bh .bh-0 rect,.bh rect.bh-0{fill:#0072b2}.bh .bh-0 .bh-band{stroke:#0072b2}
.bh .bh-1 rect,.bh rect.bh-1{fill:#e69f00}.bh .bh-1 .bh-band{stroke:#e69f00}
.bh .bh-2 rect,.bh rect.bh-2{fill:#009e73}.bh .bh-2 .bh-band{stroke:#009e73}
.bh .bh-3 rect,.bh rect.bh-3{fill:#cc79a7}.bh .bh-3 .bh-band{stroke:#cc79a7}
.bh .bh-4 rect,.bh rect.bh-4{fill:#56b4e9}.bh .bh-4 .bh-band{stroke:#56b4e9}
.bh .bh-5 rect,.bh rect.bh-5{fill:#d55e00}.bh .bh-5 .bh-band{stroke:#d55e00}
.bh .bh-again-1 .bh-band{stroke-dasharray:6 3}
.bh .bh-again-2 .bh-band{stroke-dasharray:2 2}
.bh .bh-again-3 .bh-band{stroke-dasharray:10 3 2 3}
.bh .bh-again-4 .bh-band{stroke-dasharray:1 3}
.bh .bh-again-5 .bh-band{stroke-dasharray:8 6}
.bh .bh-own rect,.bh rect.bh-own{fill:#6b7280}.bh .bh-own .bh-band{stroke:#4b5563}
.bh .bh-free rect,.bh rect.bh-free{fill:none;stroke:#b4bac4;stroke-dasharray:4 3}.bh .bh-free .bh-band{stroke:none}
.bh rect.bh-swatch{fill-opacity:.85}
@media screen and (prefers-color-scheme:dark){
.bh .bh-paper{fill:#15171b}
.bh text{fill:#e8eaed}
.bh .bh-soft,.bh .bh-right,.bh .bh-address{fill:#a3abb8}
.bh rect{stroke:#15171b;fill-opacity:.38}
.bh .bh-free rect,.bh rect.bh-free{stroke:#4a515c}
.bh .bh-own .bh-band{stroke:#9aa3b2}
.bh line.bh-gap{stroke:#4a515c}
}
";

/// How many owners have a colour of their own.
const COLOURS: usize = 6;

/// The classes of what `owner` has, `partitions` being all that there are.
pub(super) fn class_of<'a>(mut partitions: impl Iterator<Item = &'a str>, owner: Option<&str>) -> String {
    let Some(owner) = owner else { return "bh-free".to_owned() };
    match partitions.position(|name| name == owner) {
        None => "bh-own".to_owned(),
        Some(index) if index < COLOURS => format!("bh-{index}"),
        Some(index) => format!("bh-{} bh-again-{}", index % COLOURS, index / COLOURS),
    }
}
