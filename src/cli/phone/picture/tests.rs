//! QR codes as screens, cameras, and page designs render them, and files that are not pictures.

use std::io::Write as _;

use image::{DynamicImage, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage};

use super::*;
use crate::secret::Reason;

/// A registration URI of typical length: a push registration is long, so its squares are small.
fn long_uri() -> String {
    format!(
        "pushauth://push/Ping:alice?l=YW1sYmNvb2tpZT0wMQ&issuer=UGluZw&m=REGISTER:{}&s={}",
        "6b1d5b9c".repeat(6),
        "Qm9i".repeat(40)
    )
}

const SHORT_URI: &str = "otpauth://totp/Example:ann?secret=JBSWY3DPEHPK3PXP&issuer=Example";

/// Draws the QR code with `module` pixels per square and a margin of `margin` squares.
fn draw(text: &str, module: u32, margin: u32) -> GrayImage {
    let code = qrcode::QrCode::with_error_correction_level(text, qrcode::EcLevel::L).unwrap();
    let width = code.width() as u32;
    let colors = code.to_colors();
    let side = (width + 2 * margin) * module;
    GrayImage::from_fn(side, side, |x, y| {
        let (column, row) = ((x / module).wrapping_sub(margin), (y / module).wrapping_sub(margin));
        let dark = column < width && row < width && colors[(row * width + column) as usize] == qrcode::Color::Dark;
        Luma([if dark { 0 } else { 255 }])
    })
}

fn encode(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn text_of(bytes: &[u8]) -> Result<String, String> {
    read_code(bytes).map(|text| text.expose(Reason::HandOver).to_owned()).map_err(|failure| failure.value().to_string())
}

fn assert_reads(name: &str, picture: impl Into<DynamicImage>, text: &str) {
    assert_eq!(text_of(&encode(&picture.into(), ImageFormat::Png)), Ok(text.to_owned()), "{name}");
}

#[test]
fn the_samples_of_the_issue_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/pictures");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|extension| extension != "md") {
            let text = read_file(&file).unwrap_or_else(|failure| panic!("{}: {}", file.display(), failure.value()));
            assert!(text.expose(Reason::HandOver).contains("auth://"), "{}", file.display());
            read += 1;
        }
    }
    assert_eq!(read, 5);
}

#[test]
fn every_format_is_read() {
    for uri in [SHORT_URI, &long_uri()] {
        let picture = DynamicImage::from(draw(uri, 4, 4)).into_rgb8().into();
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp] {
            assert_eq!(text_of(&encode(&picture, format)), Ok(uri.to_owned()), "{format:?}");
        }
    }
}

#[test]
fn light_on_dark_is_read() {
    for uri in [SHORT_URI, &long_uri()] {
        for module in [2, 4] {
            let mut inverted = draw(uri, module, 4);
            imageops::invert(&mut inverted);
            assert_reads("inverted", inverted, uri);
        }
        // Low contrast, like a dark theme.
        let tinted = draw(uri, 4, 4);
        let tinted = RgbImage::from_fn(tinted.width(), tinted.height(), |x, y| {
            if tinted.get_pixel(x, y).0 == [0] { Rgb([225, 228, 235]) } else { Rgb([28, 32, 40]) }
        });
        assert_reads("tinted", tinted, uri);
        let mut page = GrayImage::from_pixel(900, 900, Luma([24]));
        imageops::replace(&mut page, &draw(uri, 4, 1), 200, 200);
        assert_reads("a white card on a dark page", page, uri);
    }
}

#[test]
fn transparent_pictures_are_read() {
    let code = draw(SHORT_URI, 4, 4);
    for (ink, name) in [(0, "dark squares on nothing"), (255, "light squares on nothing")] {
        let picture = RgbaImage::from_fn(code.width(), code.height(), |x, y| {
            Rgba([ink, ink, ink, 255 - code.get_pixel(x, y).0[0]])
        });
        assert_reads(name, picture, SHORT_URI);
    }
    let half = image::ImageBuffer::<LumaA<u8>, Vec<u8>>::from_fn(code.width(), code.height(), |x, y| {
        LumaA([code.get_pixel(x, y).0[0], 200])
    });
    assert_reads("half transparent", half, SHORT_URI);
}

#[test]
fn screenshots_of_every_scale_are_read() {
    for uri in [SHORT_URI, &long_uri()] {
        let code = draw(uri, 4, 4);
        for percent in [75, 80, 90, 100, 110, 125, 150, 175, 200] {
            let side = code.width() * percent / 100;
            for filter in [FilterType::Nearest, FilterType::Triangle, FilterType::Lanczos3] {
                let scaled = imageops::resize(&code, side, side, filter);
                assert_reads(&format!("{percent} % {filter:?}"), scaled, uri);
            }
        }
    }
}

#[test]
fn small_and_tight_pictures_are_read() {
    for module in 2..=3 {
        assert_reads(&format!("{module} pixels"), draw(&long_uri(), module, 4), &long_uri());
        assert_reads(&format!("{module} pixels, no margin"), draw(SHORT_URI, module, 0), SHORT_URI);
    }
    assert_reads("1 pixel", draw(SHORT_URI, 1, 4), SHORT_URI);
}

#[test]
fn turned_and_mirrored_pictures_are_read() {
    let code = draw(SHORT_URI, 5, 4);
    assert_reads("90", imageops::rotate90(&code), SHORT_URI);
    assert_reads("180", imageops::rotate180(&code), SHORT_URI);
    assert_reads("270", imageops::rotate270(&code), SHORT_URI);
    for degrees in [5u8, 15, 30, 45] {
        let side = code.width() * 3 / 2;
        let (sin, cos) = f64::from(degrees).to_radians().sin_cos();
        let (middle, own) = (f64::from(side) / 2.0, f64::from(code.width()) / 2.0);
        let turned = GrayImage::from_fn(side, side, |x, y| {
            let (x, y) = (f64::from(x) - middle, f64::from(y) - middle);
            let (column, row) = (x * cos + y * sin + own, y * cos - x * sin + own);
            let inside = column >= 0.0 && row >= 0.0 && column < own * 2.0 && row < own * 2.0;
            if inside { *code.get_pixel(column as u32, row as u32) } else { Luma([255]) }
        });
        assert_reads(&format!("{degrees} degrees"), turned, SHORT_URI);
    }
}

#[test]
fn photos_and_bad_jpegs_are_read() {
    let code = draw(SHORT_URI, 6, 4);
    for quality in [30, 60, 90] {
        let mut bytes = Vec::new();
        let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality);
        code.write_with_encoder(encoder).unwrap();
        assert_eq!(text_of(&bytes), Ok(SHORT_URI.to_owned()), "quality {quality}");
    }
    // Uneven light across a large picture.
    let mut page = GrayImage::from_pixel(3000, 2000, Luma([230]));
    imageops::replace(&mut page, &imageops::resize(&code, 900, 900, FilterType::Triangle), 1100, 500);
    let lit = GrayImage::from_fn(page.width(), page.height(), |x, y| {
        Luma([(u32::from(page.get_pixel(x, y).0[0]) * (1500 + x / 2) / 3000) as u8])
    });
    assert_reads("uneven light", imageops::blur(&lit, 2.0), SHORT_URI);
}

#[test]
fn what_is_no_picture_or_too_large_says_what_is_read() {
    let blank = encode(&GrayImage::from_pixel(200, 200, Luma([255])).into(), ImageFormat::Png);
    for bytes in [b"no picture".as_slice(), b"", b"%PDF-1.4", b"<svg xmlns='http://www.w3.org/2000/svg'/>", &blank] {
        let error = text_of(bytes).unwrap_err();
        for part in ["PNG, JPEG, WebP, GIF and BMP", "16 MiB", "40 megapixels"] {
            assert!(error.contains(part), "{error}");
        }
    }
    // A small file that claims to be huge.
    let mut huge = encode(&GrayImage::from_pixel(8, 8, Luma([0])).into(), ImageFormat::Bmp);
    huge[18..22].copy_from_slice(&60_000u32.to_le_bytes());
    huge[22..26].copy_from_slice(&60_000u32.to_le_bytes());
    assert!(text_of(&huge).unwrap_err().contains("bad-picture"));
    let wide = encode(&GrayImage::from_pixel(16_000, 2600, Luma([255])).into(), ImageFormat::Png);
    assert!(text_of(&wide).unwrap_err().contains("too many pixels"));
}

#[test]
fn reading_stops_at_the_limit() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&vec![0; FILE_LIMIT as usize + 10]).unwrap();
    let error = read_file(file.path()).err().unwrap().value().to_string();
    assert!(error.contains("larger than 16 MiB"), "{error}");
    assert!(read_file(Path::new("/dev/zero")).err().unwrap().value().to_string().contains("larger than 16 MiB"));
}
