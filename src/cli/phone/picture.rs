//! Reads a QR code from a picture.

use std::io::{Cursor, Read};
use std::path::Path;

use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, ImageFormat, ImageReader, Limits};

use crate::cli::output::Failure;
use crate::secret::SecretText;

/// Largest picture file to read, in bytes.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;
/// Largest picture to decode, in pixels per side and in total.
const SIDE_LIMIT: u32 = 16_384;
const PIXEL_LIMIT: u64 = 40_000_000;
/// Most memory that decoding may use, in bytes.
const MEMORY_LIMIT: u64 = 512 * 1024 * 1024;
/// Longest side of a picture that is also tried at twice its size, in pixels.
const ENLARGED_LIMIT: u32 = 2048;
/// Length to which the longer side of a large picture is reduced for another try, in pixels.
const REDUCED_SIDE: u32 = 1024;

/// Supported formats, for a message.
const READABLE: &str = "PNG, JPEG, WebP, GIF and BMP pictures of up to 16 MiB and 40 megapixels are read. The code \
    should be whole, with an empty margin, and each of its squares at least 2 pixels wide";

/// Returns the text of the first QR code in a picture file.
pub(in crate::cli) fn read_file(file: &Path) -> Result<SecretText, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new("bad-picture", &format!("The picture {} cannot be read: {error}.", file.display()))
    };
    let mut bytes = Vec::new();
    // Read one byte more than allowed to detect an oversized file; a device or a pipe may never end.
    std::fs::File::open(file).map_err(unreadable)?.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    read_code(&bytes)
}

/// Returns the text of the first QR code in a picture's bytes.
pub(in crate::cli) fn read_code(bytes: &[u8]) -> Result<SecretText, Failure> {
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(bad_picture("it is larger than 16 MiB"));
    }
    let picture = on_white(decode(bytes)?);
    find_code(&picture).map(SecretText::new).ok_or_else(|| {
        Failure::new(
            "no-code",
            &format!("There is no readable QR code in the picture. {READABLE}; try a larger or sharper one."),
        )
    })
}

fn bad_picture(problem: &str) -> Failure {
    Failure::new("bad-picture", &format!("The picture cannot be read: {problem}. {READABLE}."))
}

/// Decodes within the limits, ignoring the file's extension.
fn decode(bytes: &[u8]) -> Result<DynamicImage, Failure> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_LIMIT);
    limits.max_image_height = Some(SIDE_LIMIT);
    limits.max_alloc = Some(MEMORY_LIMIT);
    let reader = || {
        let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
        reader.limits(limits.clone());
        reader.format().filter(is_readable).map(|_| reader)
    };
    let unknown = || bad_picture("it is of a format that is not known here");
    // Check the size first: a small file can contain a huge picture.
    let (width, height) =
        reader().ok_or_else(unknown)?.into_dimensions().map_err(|error| bad_picture(&error.to_string()))?;
    if u64::from(width) * u64::from(height) > PIXEL_LIMIT || width.max(height) > SIDE_LIMIT {
        return Err(bad_picture("it has too many pixels"));
    }
    reader().ok_or_else(unknown)?.decode().map_err(|error| bad_picture(&error.to_string()))
}

fn is_readable(format: &ImageFormat) -> bool {
    use ImageFormat::{Bmp, Gif, Jpeg, Png, WebP};
    matches!(format, Png | Jpeg | WebP | Gif | Bmp)
}

/// Converts the picture to grayscale. Transparent areas become white, or black if everything drawn is light.
fn on_white(picture: DynamicImage) -> GrayImage {
    if !picture.color().has_alpha() {
        return picture.into_luma8();
    }
    let picture = picture.into_luma_alpha8();
    let (mut light, mut drawn) = (0u64, 0u64);
    for image::LumaA([gray, alpha]) in picture.pixels() {
        if *alpha > 127 {
            drawn += 1;
            light += u64::from(*gray > 127);
        }
    }
    let is_transparent = drawn < u64::from(picture.width()) * u64::from(picture.height());
    let paper = if is_transparent && light == drawn { 0u32 } else { 255 };
    GrayImage::from_fn(picture.width(), picture.height(), |x, y| {
        let image::LumaA([gray, alpha]) = *picture.get_pixel(x, y);
        let (gray, alpha) = (u32::from(gray), u32::from(alpha));
        image::Luma([u8::try_from((gray * alpha + paper * (255 - alpha)) / 255).unwrap_or(u8::MAX)])
    })
}

/// Tries the picture at its own and at other sizes, each as it is and inverted.
fn find_code(picture: &GrayImage) -> Option<String> {
    let (width, height) = picture.dimensions();
    let longer = width.max(height);
    let resized = |width: u32, height: u32, filter| imageops::resize(picture, width.max(1), height.max(1), filter);
    let enlarged = |times: u32, filter| {
        (longer <= ENLARGED_LIMIT / times * 2).then(|| resized(width * times, height * times, filter))
    };
    let reduced = |side: u32| {
        let scale =
            |length: u32| u32::try_from(u64::from(length) * u64::from(side) / u64::from(longer.max(1))).unwrap_or(1);
        (longer > side).then(|| resized(scale(width), scale(height), FilterType::Triangle))
    };
    read_either_way(picture)
        .or_else(|| read_either_way(&with_margin(picture)))
        .or_else(|| read_either_way(&with_margin(&enlarged(2, FilterType::Triangle)?)))
        .or_else(|| read_either_way(&with_margin(&enlarged(3, FilterType::CatmullRom)?)))
        .or_else(|| read_either_way(&reduced(REDUCED_SIDE)?))
        .or_else(|| read_either_way(&imageops::blur(picture, 1.0)))
        .or_else(|| read_either_way(&reduced(REDUCED_SIDE / 2)?))
}

fn read_either_way(picture: &GrayImage) -> Option<String> {
    read(picture).or_else(|| {
        let mut inverted = picture.clone();
        imageops::invert(&mut inverted);
        read(&inverted)
    })
}

fn read(picture: &GrayImage) -> Option<String> {
    let (width, height) = (usize::try_from(picture.width()).ok()?, usize::try_from(picture.height()).ok()?);
    let bytes = picture.as_raw();
    let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
        bytes.get(y * width + x).copied().unwrap_or(u8::MAX)
    });
    prepared.detect_grids().iter().find_map(|grid| grid.decode().ok()).map(|(_, text)| text)
}

/// Adds a margin in the color of the corners, because a QR code cropped to its edge lacks the required one.
fn with_margin(picture: &GrayImage) -> GrayImage {
    let (width, height) = picture.dimensions();
    let margin = width.max(height) / 10 + 4;
    let dark = |x, y| picture.get_pixel_checked(x, y).is_some_and(|pixel| pixel.0 < [128]);
    let last = (width.saturating_sub(1), height.saturating_sub(1));
    // A QR code without a margin has dark squares in three corners; a dark page has dark corners on all four.
    let corners = [dark(0, 0), dark(last.0, 0), dark(0, last.1), dark(last.0, last.1)];
    let paper = if corners == [true; 4] { 0 } else { 255 };
    let mut framed = GrayImage::from_pixel(width + 2 * margin, height + 2 * margin, image::Luma([paper]));
    imageops::replace(&mut framed, picture, margin.into(), margin.into());
    framed
}

#[cfg(test)]
#[path = "picture/tests.rs"]
mod tests;
