//! Drawing a text as a QR code.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

/// Side of the box that the page has for the code, in CSS pixels.
const BOX_SIDE: u32 = 408;
/// Fewest pixels of a module's side: cameras and readers of screenshots lose smaller ones.
const SMALLEST_MODULE: u32 = 3;
/// Empty modules on each side (ISO/IEC 18004 wants four).
const QUIET_ZONE: u32 = 4;

/// The code as an SVG element; `None` when the text is too long for one. Every module is a whole number of pixels wide,
/// as many as the page has room for, so that its edges are sharp. The paper is white whatever the page's colors are.
pub fn draw(text: &str) -> Option<String> {
    // Nothing soils a screen: the lowest level of correction makes the fewest and largest modules.
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let modules = u32::try_from(code.width()).ok()? + 2 * QUIET_ZONE;
    let module = (BOX_SIDE / modules).max(SMALLEST_MODULE);
    let image = code
        .render()
        .quiet_zone(true)
        .module_dimensions(module, module)
        .dark_color(svg::Color("#000"))
        .light_color(svg::Color("#fff"))
        .build();
    Some(image.get(image.find("<svg")?..)?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(svg: &str) -> u32 {
        svg.split_once("width=\"").unwrap().1.split_once('"').unwrap().0.parse().unwrap()
    }

    #[test]
    fn modules_are_whole_pixels_as_large_as_the_page_has_room_for() {
        for (length, least) in [(60, 360), (300, 340), (450, 340), (600, 330), (1200, 330)] {
            let text = "a".repeat(length);
            let modules = QrCode::with_error_correction_level(&text, EcLevel::L).unwrap().width() as u32 + 8;
            let svg = draw(&text).unwrap();
            assert_eq!(side(&svg) % modules, 0, "{length}");
            assert!(side(&svg) >= least, "{length}: {}", side(&svg));
            assert!(svg.contains("crispEdges") && svg.contains("#fff"), "{length}");
        }
        assert_eq!(draw(&"a".repeat(4000)), None);
    }
}
