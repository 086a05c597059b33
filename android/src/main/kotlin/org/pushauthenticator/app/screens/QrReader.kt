package org.pushauthenticator.app.screens

import com.google.zxing.BarcodeFormat
import com.google.zxing.BinaryBitmap
import com.google.zxing.DecodeHintType
import com.google.zxing.MultiFormatReader
import com.google.zxing.PlanarYUVLuminanceSource
import com.google.zxing.ReaderException
import com.google.zxing.common.HybridBinarizer
import java.nio.ByteBuffer

/** Finds the text of a QR code in a camera picture, dark on light or light on dark. Independent of the camera. */
class QrReader {
    private val reader = MultiFormatReader().apply {
        setHints(
            mapOf(
                DecodeHintType.POSSIBLE_FORMATS to listOf(BarcodeFormat.QR_CODE),
                DecodeHintType.TRY_HARDER to true,
                DecodeHintType.ALSO_INVERTED to true,
            ),
        )
    }

    /**
     * @param luminance the picture's Y plane
     * @param rowStride distance between the starts of two rows, in bytes
     */
    fun read(luminance: ByteBuffer, rowStride: Int, width: Int, height: Int): String? {
        val bytes = ByteArray(luminance.remaining())
        luminance.get(bytes)
        // The last row may be shorter than the stride.
        if (rowStride < width || bytes.size < rowStride * (height - 1) + width) return null
        val rows = if (bytes.size < rowStride * height) bytes.copyOf(rowStride * height) else bytes
        val source = PlanarYUVLuminanceSource(rows, rowStride, height, 0, 0, width, height, false)
        return try {
            reader.decodeWithState(BinaryBitmap(HybridBinarizer(source))).text
        } catch (none: ReaderException) {
            null
        } finally {
            reader.reset()
        }
    }
}
