package org.pushauthenticator.app.screens

import com.google.zxing.BinaryBitmap
import com.google.zxing.PlanarYUVLuminanceSource
import com.google.zxing.ReaderException
import com.google.zxing.common.HybridBinarizer
import com.google.zxing.qrcode.QRCodeReader
import java.nio.ByteBuffer

/** Finds the text of a QR code in a camera's picture. Knows no camera. */
class QrReader {
    private val reader = QRCodeReader()

    /**
     * @param luminance the picture's Y plane
     * @param rowStride bytes from one row to the next
     */
    fun read(luminance: ByteBuffer, rowStride: Int, width: Int, height: Int): String? {
        val bytes = ByteArray(luminance.remaining())
        luminance.get(bytes)
        // The last row may end before its stride does.
        if (rowStride < width || bytes.size < rowStride * (height - 1) + width) return null
        val rows = if (bytes.size < rowStride * height) bytes.copyOf(rowStride * height) else bytes
        val source = PlanarYUVLuminanceSource(rows, rowStride, height, 0, 0, width, height, false)
        return try {
            reader.decode(BinaryBitmap(HybridBinarizer(source))).text
        } catch (none: ReaderException) {
            null
        } finally {
            reader.reset()
        }
    }
}
