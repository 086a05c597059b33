package org.pushauthenticator.app

import android.content.pm.PackageManager
import android.view.MotionEvent
import android.view.View
import android.view.WindowManager.LayoutParams.FLAG_SECURE
import android.widget.EditText
import android.widget.Switch
import android.widget.TextView
import com.google.zxing.BarcodeFormat
import com.google.zxing.qrcode.QRCodeWriter
import java.nio.ByteBuffer
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pushauthenticator.CodeValidity
import org.pushauthenticator.app.screens.AccountActivity
import org.pushauthenticator.app.screens.AccountsActivity
import org.pushauthenticator.app.screens.EventsActivity
import org.pushauthenticator.app.screens.QrReader
import org.pushauthenticator.app.screens.RequestActivity
import org.pushauthenticator.app.screens.ScanActivity
import org.pushauthenticator.app.screens.SettingsActivity
import org.robolectric.Shadows.shadowOf

class ScreensTest : AppTest() {
    private fun AccountsActivity.row() = await("a row of codes") { visible(window.decorView).find { it.id == R.id.code_row } }
    private fun View.code() = requireViewById<TextView>(R.id.code).text.toString()

    @Test
    fun `a code is hidden until it is tapped, right, counted down, and hidden when the screen is left`() {
        val account = addCodes()
        val screen = open<AccountsActivity>()
        val row = screen.row()
        assertEquals("••• •••", row.code())
        val description = { row.requireViewById<TextView>(R.id.code).contentDescription.toString() }
        assertEquals("Code of alice@example.com at Example, hidden", description())
        row.performClick()
        screen.awaitText("left")
        val made = phone { code(account.id) }
        val next = (made.validity as CodeValidity.Timed).next
        val shown = row.code().replace(" ", "")
        assertTrue("$shown is none of the two", shown == made.code || shown == next)
        assertEquals("Code of alice@example.com at Example: " + shown.toList().joinToString(" "), description())
        screen.finish()
        close()
        assertEquals("••• •••", row.code())
    }

    @Test
    fun `every tap on an account that counts takes one code`() {
        val secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        phone { enrol("otpauth://hotp/Example:h?secret=$secret&issuer=Example&counter=0", enrolment(), null) }
        val screen = open<AccountsActivity>()
        val row = screen.row()
        // RFC 4226, appendix D.
        for (code in listOf("755224", "287082", "359152")) {
            row.performClick()
            awaitThat("$code, not ${row.code()}") { row.code().replace(" ", "") == code }
        }
    }

    @Test
    fun `an account is renamed, and gets its registered name back`() {
        val account = addCodes()
        val screen = open<AccountActivity>(AccountActivity.intent(app, account.id))
        screen.awaitText("Shows codes")
        screen.requireViewById<EditText>(R.id.issuer).setText("Work")
        screen.tap(R.id.save)
        awaitThat("the new name") { screen.requireViewById<TextView>(R.id.heading).text.toString() == "Work" }
        assertEquals("Work", phone { accounts() }.single().displayIssuer)
        screen.requireViewById<EditText>(R.id.issuer).setText("")
        screen.tap(R.id.save)
        awaitThat("the registered name") { phone { accounts() }.single().displayIssuer == "Example" }
    }

    @Test
    fun `what a removal means is said before it is done`() {
        val server = LocalServer(this)
        server.push("n", "default")
        val screen = open<AccountActivity>(AccountActivity.intent(app, server.account.id))
        screen.tap(R.id.remove)
        screen.awaitText("The server still counts on this phone")
        screen.awaitText("left unanswered")
        assertEquals(1, phone { accounts() }.size)
        screen.tap(R.id.keep)
        assertEquals(1, phone { accounts() }.size)
        screen.tap(R.id.remove)
        screen.tap(R.id.remove_now)
        awaitThat("the end") { screen.isFinishing }
        assertEquals(0, phone { accounts() }.size)
    }

    @Test
    fun `a place south or west says so`() {
        val server = LocalServer(this)
        val places = listOf(
            (-33.868 to 151.209) to "33.868° south, 151.209° east", (47.37 to 8.54) to "47.370° north, 8.540° east",
            (40.713 to -74.006) to "40.713° north, 74.006° west",
        )
        places.forEachIndexed { index, (place, text) ->
            val request = server.push("n$index", "default", place = place)
            open<RequestActivity>(RequestActivity.intent(app, request.id)).awaitText(text)
        }
    }

    @Test
    fun `a request that was denied before is shown as denied`() {
        val server = LocalServer(this)
        val request = server.push("n", "default")
        phone { deny(request.id) }
        server.settleAll()
        val screen = open<RequestActivity>(RequestActivity.intent(app, request.id))
        screen.awaitText("Denied")
        val icon = screen.requireViewById<android.widget.ImageView>(R.id.result_icon)
        assertEquals(R.drawable.bad, shadowOf(icon.drawable).createdFromResId)
    }

    @Test
    fun `touches through another app's window are refused`() {
        val server = LocalServer(this)
        val request = server.push("n", "default")
        val screen = open<RequestActivity>(RequestActivity.intent(app, request.id))
        screen.awaitText("Deny")
        val root = screen.requireViewById<View>(R.id.screen)
        val approve = screen.requireViewById<View>(R.id.approve)
        fun touch(flags: Int) {
            // What a notice moved down has a new position.
            root.measure(View.MeasureSpec.makeMeasureSpec(720, View.MeasureSpec.EXACTLY), View.MeasureSpec.makeMeasureSpec(1480, View.MeasureSpec.EXACTLY))
            root.layout(0, 0, 720, 1480)
            val at = android.graphics.Rect(0, 0, 40, 20).also { (root as android.view.ViewGroup).offsetDescendantRectToMyCoords(approve, it) }
            for (action in listOf(MotionEvent.ACTION_DOWN, MotionEvent.ACTION_UP)) {
                val properties = arrayOf(MotionEvent.PointerProperties())
                val place = MotionEvent.PointerCoords().apply { x = at.right.toFloat(); y = at.bottom.toFloat() }
                root.dispatchTouchEvent(MotionEvent.obtain(0, 0, action, 1, properties, arrayOf(place), 0, 0, 1f, 1f, 0, 0, 0, flags))
            }
        }
        for (flag in listOf(MotionEvent.FLAG_WINDOW_IS_OBSCURED, MotionEvent.FLAG_WINDOW_IS_PARTIALLY_OBSCURED)) {
            touch(flag)
            screen.awaitText("Another app lies over this screen")
            assertEquals(1, phone { pending() }.size)
        }
        touch(0)
        awaitThat("the touch that counts") { phone { pending() }.isEmpty() }
    }

    @Test
    fun `screenshots are blocked until the person allows them`() {
        val screen = open<SettingsActivity>()
        fun secure(activity: android.app.Activity) = activity.window.attributes.flags and FLAG_SECURE != 0
        assertTrue(secure(screen))
        screen.requireViewById<Switch>(R.id.screenshots).performClick()
        assertFalse(secure(screen))
        assertFalse(secure(open<AccountsActivity>()))
    }

    @Test
    fun `the app's lock shows nothing until the person passed, and comes back`() {
        addCodes()
        val settings = open<SettingsActivity>()
        settings.requireViewById<Switch>(R.id.app_lock).performClick()
        assertTrue(app.settings.appLock)
        assertFalse("who turned it on is there", app.lock.isLocked)
        close()
        org.robolectric.shadows.ShadowSystemClock.advanceBy(java.time.Duration.ofSeconds(31))

        val screen = open<AccountsActivity>()
        val prompt = await("a prompt") { ShadowBiometricPrompt.shown }
        assertNull("the device's PIN will do", prompt.crypto)
        assertFalse(screen.texts().any { "Example" in it })
        prompt.fail(android.hardware.biometrics.BiometricPrompt.BIOMETRIC_ERROR_USER_CANCELED, "")
        screen.awaitText("Locked")
        ShadowBiometricPrompt.reset()
        screen.tap(R.id.unlock)
        await("a second prompt") { ShadowBiometricPrompt.shown }.pass()
        screen.awaitText("Example")
    }

    @Test
    fun `the lock cannot be turned on without a screen lock`() {
        keyguard.setIsDeviceSecure(false)
        val screen = open<SettingsActivity>()
        assertFalse(screen.requireViewById<Switch>(R.id.app_lock).isEnabled)
        screen.awaitText("Set up a PIN")
    }

    @Test
    fun `the log tells what happened`() {
        val account = addCodes()
        phone { remove(account.id) }
        val screen = open<EventsActivity>()
        screen.awaitText("Account removed")
        screen.awaitText("Account added")
    }

    @Test
    fun `a code in a camera's picture is read, dark or light, whatever the row's stride, and noise is none`() {
        val text = "otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQ&issuer=Example"
        val size = 320
        val code = QRCodeWriter().encode(text, BarcodeFormat.QR_CODE, size, size)
        for (stride in listOf(size, size + 64)) for ((ink, paper) in listOf(16 to -21, -21 to 16)) {
            // The last row ends with its pixels, as in pictures from cameras.
            val plane = ByteBuffer.allocate(stride * (size - 1) + size)
            for (y in 0 until size) for (x in 0 until size) plane.put(y * stride + x, (if (code.get(x, y)) ink else paper).toByte())
            assertEquals(text, QrReader().read(plane, stride, size, size))
        }
        val noise = ByteArray(size * size).also { java.util.Random(1).nextBytes(it) }
        assertNull(QrReader().read(ByteBuffer.wrap(noise), size, size, size))
        assertNull(QrReader().read(ByteBuffer.wrap(noise), 2, size, size))
        assertNull(QrReader().read(ByteBuffer.allocate(3), size, size, size))
    }

    @Test
    fun `the camera is asked for, and a refusal names the other way`() {
        shadowOf(app.packageManager).setSystemFeature(PackageManager.FEATURE_CAMERA_ANY, true)
        val screen = open<ScanActivity>()
        assertEquals(listOf(android.Manifest.permission.CAMERA), shadowOf(screen).lastRequestedPermission?.requestedPermissions?.toList())
        screen.onRequestPermissionsResult(0, arrayOf(android.Manifest.permission.CAMERA), intArrayOf(PackageManager.PERMISSION_DENIED))
        screen.awaitText("Without permission for the camera")
        screen.tap(R.id.settings)
        val settings = shadowOf(screen).nextStartedActivity
        assertEquals(android.provider.Settings.ACTION_APPLICATION_DETAILS_SETTINGS to "package:${app.packageName}", settings.action to settings.dataString)
        assertNotNull(screen.requireViewById<View>(R.id.enter))
    }

    @Test
    fun `nothing is backed up, and a debug build talks in the clear to this phone itself only`() {
        assertEquals(0, app.applicationInfo.flags and android.content.pm.ApplicationInfo.FLAG_ALLOW_BACKUP)
        phone { accounts() }
        assertTrue(java.io.File(app.noBackupFilesDir, "vault").exists())
        val excluded = elements(R.xml.data_extraction_rules).filter { it.first == "exclude" }.groupingBy { it.second["domain"] }.eachCount()
        assertEquals(listOf("root", "file", "database", "sharedpref", "external").associateWith { 2 }, excluded)

        val network = elements(R.xml.network_security_config)
        assertEquals("false", network.single { it.first == "base-config" }.second["cleartextTrafficPermitted"])
        val domain = network.indexOfFirst { it.first == "domain-config" }
        assertEquals("true", network[domain].second["cleartextTrafficPermitted"])
        assertEquals("127.0.0.1", network.single { it.first == "domain" }.second["text"])
        val release = java.io.File("src/main/res/xml/network_security_config.xml").readText()
        assertFalse("in the clear in a release", release.contains("cleartextTrafficPermitted=\"true\""))
    }

    /** Returns the elements of an XML resource with their attributes and text. */
    private fun elements(resource: Int): List<Pair<String, Map<String, String>>> {
        val found = mutableListOf<Pair<String, MutableMap<String, String>>>()
        val parser = app.resources.getXml(resource)
        while (parser.next() != org.xmlpull.v1.XmlPullParser.END_DOCUMENT) when (parser.eventType) {
            org.xmlpull.v1.XmlPullParser.START_TAG ->
                found += parser.name to (0 until parser.attributeCount).associateTo(mutableMapOf()) { parser.getAttributeName(it) to parser.getAttributeValue(it) }
            org.xmlpull.v1.XmlPullParser.TEXT -> found.last().second["text"] = parser.text.trim()
        }
        return found
    }

    @Test
    fun `texts can be told from what they stand on, in light and dark`() {
        val pairs = listOf(R.color.text, R.color.text_second, R.color.danger, R.color.accent).flatMap { listOf(it to R.color.background, it to R.color.surface) } +
            listOf(R.color.on_accent to R.color.accent, R.color.on_notice to R.color.notice)
        for (look in listOf("notnight", "night")) {
            org.robolectric.RuntimeEnvironment.setQualifiers("+$look")
            for ((text, ground) in pairs) {
                val (lighter, darker) = listOf(text, ground).map { android.graphics.Color.luminance(app.getColor(it)) + 0.05 }.sortedDescending()
                val names = listOf(text, ground).joinToString(" on ") { app.resources.getResourceEntryName(it) }
                assertTrue("$look: $names has ${lighter / darker}", lighter / darker >= 4.5)
            }
        }
    }

    @Test
    fun `every text comes from the catalogue`() {
        val sources = java.io.File("src/main").walk().filter { it.extension in setOf("xml", "kt") && it.name != "strings.xml" }.toList()
        assertTrue("the sources are found", sources.size > 40)
        val shown = Regex("""android:(text|hint|contentDescription|label)="(?!@)|\b(setText|setTitle|setContentTitle|setContentText|notice|problem)\("|\.(text|contentDescription|title) = "[A-Za-z]""")
        val found = sources.flatMap { file -> file.readLines().filter { shown.containsMatchIn(it) }.map { "${file.name}: ${it.trim()}" } }
        assertEquals(emptyList<String>(), found)
    }

    @Test
    fun `every text of the catalogue is used`() {
        val code = java.io.File("src/main").walk().filter { it.extension in setOf("xml", "kt") }.joinToString("\n") { it.readText() }
        val names = (R.string::class.java.fields.map { it.name to "string" } + R.plurals::class.java.fields.map { it.name to "plurals" })
        assertTrue("the catalogue is found", names.size > 100)
        val unused = names.filterNot { (name, kind) -> Regex("(R\\.$kind\\.|@$kind/)$name\\b").containsMatchIn(code) }
        assertEquals(emptyList<Pair<String, String>>(), unused)
    }

    @Test
    fun `the job that fetches and sends is there from the start`() {
        val job = app.service<android.app.job.JobScheduler>().getPendingJob(org.pushauthenticator.app.messages.DeliveryJob.PERIODIC)!!
        assertTrue(job.isPeriodic && job.isPersisted)
        assertEquals(15 * 60 * 1000L, job.intervalMillis)
    }
}
