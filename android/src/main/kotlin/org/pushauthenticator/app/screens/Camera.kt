package org.pushauthenticator.app.screens

import android.annotation.SuppressLint
import android.content.Context
import android.graphics.ImageFormat
import android.graphics.Matrix
import android.graphics.RectF
import android.graphics.SurfaceTexture
import android.hardware.camera2.CameraAccessException
import android.hardware.camera2.CameraCaptureSession
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.hardware.camera2.CaptureRequest
import android.media.ImageReader
import android.os.Handler
import android.os.HandlerThread
import android.util.Size
import android.view.Surface
import android.view.TextureView

/** The back camera: sends its picture to a view and to a QR code reader. */
class Camera(private val view: TextureView, private val found: (String) -> Unit, private val failed: () -> Unit) {
    private val manager = view.context.getSystemService(Context.CAMERA_SERVICE) as CameraManager
    private val thread = HandlerThread("camera").apply { start() }
    private val handler = Handler(thread.looper)
    private val qr = QrReader()
    private var device: CameraDevice? = null
    private var pictures: ImageReader? = null
    private var closed = false

    /** Opens the camera. The camera permission must have been granted. */
    fun open() {
        if (view.isAvailable) start() else view.surfaceTextureListener = Listener()
    }

    fun close() {
        view.surfaceTextureListener = null
        handler.post {
            closed = true
            device?.close()
            pictures?.close()
            thread.quitSafely()
        }
    }

    @SuppressLint("MissingPermission")
    private fun start() = attempt {
        val id = manager.cameraIdList.firstOrNull(::facesBack) ?: manager.cameraIdList.firstOrNull() ?: return@attempt failed()
        val size = size(id)
        val reader = ImageReader.newInstance(size.width, size.height, ImageFormat.YUV_420_888, 2)
        reader.setOnImageAvailableListener(::look, handler)
        pictures = reader
        manager.openCamera(id, Opened(size), handler)
    }

    private fun facesBack(id: String) =
        manager.getCameraCharacteristics(id).get(CameraCharacteristics.LENS_FACING) == CameraCharacteristics.LENS_FACING_BACK

    private fun size(id: String): Size {
        val sizes = manager.getCameraCharacteristics(id).get(CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP)
            ?.getOutputSizes(ImageFormat.YUV_420_888).orEmpty()
        return sizes.filter { it.width <= WIDEST }.maxByOrNull { it.width * it.height } ?: Size(640, 480)
    }

    private fun look(reader: ImageReader) {
        val image = reader.acquireLatestImage() ?: return
        val text = image.use {
            val plane = it.planes[0]
            qr.read(plane.buffer, plane.rowStride, it.width, it.height)
        }
        if (text != null && !closed) view.post { found(text) }
    }

    private inner class Opened(private val size: Size) : CameraDevice.StateCallback() {
        override fun onOpened(camera: CameraDevice) {
            if (closed) return camera.close()
            device = camera
            attempt { show(camera) }
        }

        @Suppress("DEPRECATION")
        private fun show(camera: CameraDevice) {
            val texture = view.surfaceTexture ?: return
            texture.setDefaultBufferSize(size.width, size.height)
            view.post { fit(size) }
            val targets = listOfNotNull(Surface(texture), pictures?.surface)
            camera.createCaptureSession(targets, Session(camera, targets), handler)
        }

        override fun onDisconnected(camera: CameraDevice) = camera.close()

        override fun onError(camera: CameraDevice, error: Int) {
            camera.close()
            view.post(failed)
        }
    }

    private inner class Session(private val camera: CameraDevice, private val targets: List<Surface>) : CameraCaptureSession.StateCallback() {
        override fun onConfigured(session: CameraCaptureSession) = attempt {
            val request = camera.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW)
            targets.forEach(request::addTarget)
            request.set(CaptureRequest.CONTROL_AF_MODE, CaptureRequest.CONTROL_AF_MODE_CONTINUOUS_PICTURE)
            session.setRepeatingRequest(request.build(), null, handler)
        }

        override fun onConfigureFailed(session: CameraCaptureSession) {
            view.post(failed)
        }
    }

    /**
     * The camera's picture is rotated. In the natural orientation the texture turns it upright by itself, but stretches
     * it.
     */
    private fun fit(size: Size) {
        val width = view.width.toFloat()
        val height = view.height.toFloat()
        if (width == 0f || height == 0f) return
        val ratio = size.width.toFloat() / size.height
        val shown = RectF(0f, 0f, width, height)
        val whole = if (height / width > ratio) RectF(0f, 0f, height / ratio, height) else RectF(0f, 0f, width, width * ratio)
        whole.offset(shown.centerX() - whole.centerX(), shown.centerY() - whole.centerY())
        view.setTransform(Matrix().apply { setRectToRect(shown, whole, Matrix.ScaleToFit.FILL) })
    }

    private fun attempt(work: () -> Unit) {
        try {
            work()
        } catch (busy: CameraAccessException) {
            view.post(failed)
        } catch (closing: IllegalStateException) {
            if (!closed) view.post(failed)
        }
    }

    private inner class Listener : TextureView.SurfaceTextureListener {
        override fun onSurfaceTextureAvailable(surface: SurfaceTexture, width: Int, height: Int) = start()
        override fun onSurfaceTextureSizeChanged(surface: SurfaceTexture, width: Int, height: Int) = Unit
        override fun onSurfaceTextureDestroyed(surface: SurfaceTexture) = true
        override fun onSurfaceTextureUpdated(surface: SurfaceTexture) = Unit
    }

    private companion object {
        /** In pixels; more only takes longer. */
        const val WIDEST = 1280
    }
}
