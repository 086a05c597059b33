package org.pushauthenticator.app.screens

import android.Manifest
import android.content.Intent
import android.content.pm.PackageManager
import android.os.Bundle
import android.view.View
import android.widget.Button
import android.widget.TextView
import org.pushauthenticator.app.R

/** Scans a registration URI and opens the confirmation screen for it. */
class ScanActivity : Screen() {
    private var camera: Camera? = null
    private var asked = false

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        fill(R.layout.scan)
        requireViewById<Button>(R.id.settings).setOnClickListener { startActivity(appSettings(this)) }
        requireViewById<Button>(R.id.enter).setOnClickListener { startActivity(Intent(this, EntryActivity::class.java)) }
    }

    override fun begin() {
        when {
            !packageManager.hasSystemFeature(PackageManager.FEATURE_CAMERA_ANY) -> problem(R.string.scan_no_camera)
            checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED -> open()
            asked -> problem(R.string.scan_no_permission)
            else -> {
                asked = true
                requestPermissions(arrayOf(Manifest.permission.CAMERA), 0)
            }
        }
    }

    override fun onRequestPermissionsResult(request: Int, permissions: Array<out String>, results: IntArray) {
        if (results.firstOrNull() == PackageManager.PERMISSION_GRANTED) open() else problem(R.string.scan_no_permission)
    }

    override fun onPause() {
        camera?.close()
        camera = null
        super.onPause()
    }

    /** Handles a QR code that the camera saw; the first one that can be read is taken. */
    internal fun found(text: String) {
        if (isFinishing) return
        startActivity(ConfirmActivity.intent(this, text))
        finish()
    }

    private fun open() {
        if (camera != null) return
        problem(null)
        camera = Camera(requireViewById(R.id.camera), ::found) { problem(R.string.scan_failed) }.also { it.open() }
    }

    private fun problem(text: Int?) {
        requireViewById<TextView>(R.id.problem).show(text?.let(::getString))
        requireViewById<View>(R.id.settings).visibility = if (text == R.string.scan_no_permission) View.VISIBLE else View.GONE
        requireViewById<View>(R.id.camera).visibility = if (text == null) View.VISIBLE else View.GONE
    }
}
