//! Reading a QR code out of a PNG picture.

use crate::cli::output::Failure;
use crate::secret::SecretText;

/// Largest picture that is read, in bytes and in pixels.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;
const PIXEL_LIMIT: usize = 40_000_000;

/// The text of the first QR code in a PNG file's bytes.
pub(in crate::cli) fn read_code(bytes: &[u8]) -> Result<SecretText, Failure> {
    let broken = |problem: &dyn std::fmt::Display| {
        Failure::new("bad-picture", &format!("The picture cannot be read: {problem}"))
    };
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(broken(&"it is larger than 16 MiB"));
    }
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|error| broken(&error))?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    let size = reader.output_buffer_size().unwrap_or(usize::MAX);
    if width.saturating_mul(height) > PIXEL_LIMIT || size > PIXEL_LIMIT * 4 {
        return Err(broken(&"it is too large"));
    }
    let mut pixels = vec![0u8; size];
    let frame = reader.next_frame(&mut pixels).map_err(|error| broken(&error))?;
    let samples = frame.color_type.samples();
    let has_alpha = matches!(frame.color_type, png::ColorType::GrayscaleAlpha | png::ColorType::Rgba);
    let brightness = |x: usize, y: usize| -> u8 {
        let start = y * frame.line_size + x * samples;
        let pixel = pixels.get(start..start + samples).unwrap_or_default();
        let (colours, alpha) =
            pixel.split_at(if has_alpha { samples.saturating_sub(1) } else { samples }.min(pixel.len()));
        let sum: u32 = colours.iter().map(|value| u32::from(*value)).sum();
        let grey = sum / u32::try_from(colours.len().max(1)).unwrap_or(1);
        // What shows through is taken for white paper.
        let alpha = alpha.first().map_or(255, |alpha| u32::from(*alpha));
        u8::try_from((grey * alpha + 255 * (255 - alpha)) / 255).unwrap_or(255)
    };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, brightness);
    image
        .detect_grids()
        .iter()
        .find_map(|grid| grid.decode().ok())
        .map(|(_, text)| SecretText::new(text))
        .ok_or_else(|| Failure::new("no-code", &"There is no readable QR code in the picture."))
}
