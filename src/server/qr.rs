//! Drawing a text as a QR code.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

/// The code as an SVG element; `None` when the text is too long for one.
pub fn draw(text: &str) -> Option<String> {
    // Nothing soils a screen: the lowest level of correction makes the fewest and largest modules.
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let image = code.render::<svg::Color<'_>>().min_dimensions(288, 288).build();
    Some(image.get(image.find("<svg")?..)?.to_owned())
}
