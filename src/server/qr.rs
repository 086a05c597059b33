//! Drawing a text as a QR code.

use qrcode::QrCode;
use qrcode::render::svg;

/// The code as an SVG element; `None` when the text is too long for one.
pub fn draw(text: &str) -> Option<String> {
    let image = QrCode::new(text).ok()?.render::<svg::Color<'_>>().min_dimensions(288, 288).build();
    Some(image.get(image.find("<svg")?..)?.to_owned())
}
