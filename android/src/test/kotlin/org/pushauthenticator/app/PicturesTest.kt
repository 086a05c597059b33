package org.pushauthenticator.app

import android.app.Activity
import android.app.NotificationManager
import android.content.Intent
import android.graphics.Bitmap
import android.graphics.Canvas
import android.net.Uri
import android.view.View
import android.widget.EditText
import android.widget.ImageButton
import android.widget.TextView
import java.io.File
import java.io.FileOutputStream
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pushauthenticator.Notification
import org.pushauthenticator.app.screens.AccountActivity
import org.pushauthenticator.app.screens.AccountsActivity
import org.pushauthenticator.app.screens.ConfirmActivity
import org.pushauthenticator.app.screens.EntryActivity
import org.pushauthenticator.app.screens.EventsActivity
import org.pushauthenticator.app.screens.HistoryActivity
import org.pushauthenticator.app.screens.RequestActivity
import org.pushauthenticator.app.screens.ScanActivity
import org.pushauthenticator.app.screens.SettingsActivity
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf

/**
 * Draws every screen to target/screenshots, in light, dark and a large font, for inspection; and finds texts that are
 * cut off, and touch targets that are too small or have no name.
 */
class PicturesTest : AppTest() {
    @Test
    fun light() = drawAll("light", "notnight", 1f)

    @Test
    fun dark() = drawAll("dark", "night", 1f)

    @Test
    fun `large font`() = drawAll("large", "notnight", 2f)

    @Test
    fun `without accounts`() {
        look = "light"
        draw("empty", open<AccountsActivity>().also { it.awaitText("No accounts yet") })
    }

    private lateinit var look: String

    private fun drawAll(name: String, qualifier: String, font: Float) {
        look = name
        RuntimeEnvironment.setQualifiers("+$qualifier")
        RuntimeEnvironment.setFontScale(font)
        val local = LocalServer(this)
        draw("history-empty", open<HistoryActivity>().also { it.awaitText("No sign-on") })
        addCodes("Example Bank", "alice.liddell@example.com")
        addCodes("Mail", "alice", kind = "hotp", more = "&counter=7")
        accounts(local)
        requests(local)
        keyed()
        draw("history", open<HistoryActivity>().also { it.awaitText("Ping") })
        draw("events", open<EventsActivity>().also { it.awaitText("Account added") })
        draw("settings", open<SettingsActivity>().also { it.awaitText("Screen lock") })
        draw("entry", open<EntryActivity>())
        shadowOf(app.packageManager).setSystemFeature(android.content.pm.PackageManager.FEATURE_CAMERA_ANY, false)
        draw("scan", open<ScanActivity>().also { it.awaitText("has no camera") })
        shadowOf(app.packageManager).setSystemFeature(android.content.pm.PackageManager.FEATURE_CAMERA_ANY, true)
        val scan = open<ScanActivity>()
        scan.onRequestPermissionsResult(0, arrayOf(android.Manifest.permission.CAMERA), intArrayOf(android.content.pm.PackageManager.PERMISSION_DENIED))
        draw("scan-denied", scan)
        confirm(local)
        adding()
        locked()
    }

    private fun accounts(local: LocalServer) {
        local.push("n0", "challenge", numbers = "17,42,86")
        val list = open<AccountsActivity>()
        list.awaitText("Example Bank")
        list.awaitText("Sign-on at Ping")
        list.requireViewById<View>(R.id.code_row)
        val row = visible(list.window.decorView).first { it.id == R.id.code_row }
        row.performClick()
        list.awaitText("left")
        draw("accounts", list)
        shadowOf(app.service<NotificationManager>()).setNotificationsEnabled(false)
        draw("accounts-silent", open<AccountsActivity>().also { it.awaitText("Open the settings") })
        draw("settings-silent", open<SettingsActivity>().also { it.awaitText("Open the settings") })
        shadowOf(app.service<NotificationManager>()).setNotificationsEnabled(true)
        val account = open<AccountActivity>(AccountActivity.intent(app, local.account.id))
        account.awaitText(LocalServer.HOST)
        draw("account", account)
        account.tap(R.id.remove)
        account.awaitText("This cannot be undone")
        draw("removal", account)
    }

    private fun requests(local: LocalServer) {
        val number = local.push("n1", "challenge", numbers = "17,42,86")
        draw("request-number", request(number))
        draw("request-tap", request(local.push("n2", "default")))
        draw("request-biometric", request(local.push("n3", "biometric")))
        val answered = local.push("n4", "default")
        val denied = request(answered)
        denied.tap(R.id.deny)
        denied.awaitText("Not sent yet")
        draw("result-queued", denied)
        draw("request-answering", open<RequestActivity>(RequestActivity.intent(app, answered.id)).also { it.awaitText("on its way") })
        keyguard.setIsDeviceLocked(true)
        val refused = request(local.push("n5", "default"))
        refused.tap(R.id.approve)
        refused.awaitText("Unlock the phone")
        draw("request-refused", refused)
        keyguard.setIsDeviceLocked(false)
        close()
        local.settleAll()
        val over = open<RequestActivity>(RequestActivity.intent(app, answered.id))
        over.awaitText("cannot be answered")
        draw("result-over", over)
    }

    private fun keyed() {
        // A visible screen would send the registration before it is taken here.
        close()
        val keyed = LocalServer(this, keyed = true)
        val asked = request(keyed.push("k1", "challenge", numbers = "17,42,86"))
        asked.tap(R.id.deny)
        asked.awaitText("Why do you deny it?")
        draw("request-reasons", asked)
        val account = open<AccountActivity>(AccountActivity.intent(app, keyed.account.id))
        account.awaitText("signs only with your fingerprint")
        draw("account-key", account)
        val code = keyed.registration("login.example.com", "dave") + "&v=2"
        val confirm = open<ConfirmActivity>(Intent(Intent.ACTION_VIEW, Uri.parse(code)))
        confirm.awaitText("made on this phone")
        draw("confirm-key", confirm)
        FakeKeyStore.makesSigningKeys = false
        confirm.tap(R.id.add)
        confirm.awaitText("could not make a key")
        draw("confirm-no-key", confirm)
        FakeKeyStore.invalidate(FakeKeyStore.signing.single())
        asked.tap(R.id.deny_other)
        asked.awaitText("This account's key is gone")
        draw("key-gone", asked)
        val gone = open<AccountActivity>(AccountActivity.intent(app, keyed.account.id))
        gone.awaitText("It is gone.")
        draw("account-key-gone", gone)
        close()
    }

    private fun request(request: Notification) = open<RequestActivity>(RequestActivity.intent(app, request.id)).also { it.awaitText("seconds left") }

    private fun confirm(local: LocalServer) {
        val conflict = open<ConfirmActivity>(Intent(Intent.ACTION_VIEW, Uri.parse(local.registration("evil.example.com"))))
        conflict.awaitText("at another host")
        draw("confirm", conflict)
        val refused = open<ConfirmActivity>(Intent(Intent.ACTION_VIEW, Uri.parse("pushauth://push/Ping:demo")))
        awaitThat("a refusal") { refused.requireViewById<View>(R.id.problem).isShown }
        draw("confirm-refused", refused)
        val added = open<ConfirmActivity>(Intent(Intent.ACTION_VIEW, Uri.parse("otpauth://totp/New:bob?secret=GEZDGNBVGY3TQOJQ&issuer=New")))
        added.tap(R.id.add)
        added.awaitText("Account added")
        draw("result-added", added)
    }

    private fun adding() {
        HeldServer().use { server ->
            val first = open<ConfirmActivity>(Intent(Intent.ACTION_VIEW, Uri.parse(LocalServer.code(server.host, "erin", "http"))))
            first.tap(R.id.add)
            awaitThat("the registration is out") { server.count(HeldServer.REGISTRATION) == 1 }
            draw("confirm-adding", again(first).also { it.awaitText("is being added") })
        }
    }

    private fun locked() {
        app.settings.appLock = true
        val screen = open<AccountsActivity>()
        screen.awaitText("Locked")
        assertTrue("nothing behind the lock", screen.texts().none { "Example" in it })
        draw("locked", screen)
    }

    /** As tall as the content, so that the picture shows all of it. */
    private fun draw(name: String, screen: Activity) {
        val root = screen.requireViewById<View>(R.id.screen)
        val width = screen.resources.displayMetrics.widthPixels
        val screenHeight = screen.resources.displayMetrics.heightPixels
        val exactly = View.MeasureSpec.makeMeasureSpec(width, View.MeasureSpec.EXACTLY)
        fun lay(height: Int) {
            root.measure(exactly, View.MeasureSpec.makeMeasureSpec(height, View.MeasureSpec.EXACTLY))
            root.layout(0, 0, width, height)
        }
        lay(screenHeight)
        val scroll = screen.requireViewById<android.widget.ScrollView>(R.id.scroll)
        val hidden = (scroll.getChildAt(0).measuredHeight + scroll.paddingBottom - scroll.height).coerceAtLeast(0)
        lay(screenHeight + hidden)
        val bitmap = Bitmap.createBitmap(width, screenHeight + hidden, Bitmap.Config.ARGB_8888)
        root.draw(Canvas(bitmap))
        val file = File("target/screenshots/$look/$name.png").also { it.parentFile?.mkdirs() }
        FileOutputStream(file).use { bitmap.compress(Bitmap.CompressFormat.PNG, 100, it) }
        assertEquals("the background of $look", screen.getColor(R.color.background), bitmap.getPixel(1, bitmap.height - 2))
        visible(root).forEach { check("$look/$name", it) }
    }

    private fun check(where: String, view: View) {
        if (view is TextView && view.layout != null && view.text.isNotEmpty() && view !is EditText) {
            val lines = view.layout
            val needed = lines.height + view.compoundPaddingTop + view.compoundPaddingBottom
            assertTrue("$where: \"${view.text}\" needs $needed pixels and has ${view.height}", needed <= view.height + 1)
            val cut = (0 until lines.lineCount).any { lines.getEllipsisCount(it) > 0 || lines.getLineMax(it) > lines.width + 1 }
            assertTrue("$where: \"${view.text}\" is cut off", !cut)
        }
        val parent = view.parent as? View
        if (parent != null && view.id != R.id.screen && parent.id != R.id.scroll && view.height > 0) {
            assertTrue("$where: ${view.javaClass.simpleName} ${(view as? TextView)?.text} sticks out", view.bottom <= parent.height && view.right <= parent.width)
        }
        if (view.isClickable && view.isShown) {
            val smallest = (48 * view.resources.displayMetrics.density).toInt()
            assertTrue("$where: ${view.javaClass.simpleName} is ${view.height} pixels high", view.height >= smallest)
            assertTrue("$where: ${view.javaClass.simpleName} is ${view.width} pixels wide", view.width >= smallest)
            assertTrue("$where: ${view.javaClass.simpleName} has no name", hasName(view))
        }
    }

    private fun hasName(view: View): Boolean = when {
        !view.contentDescription.isNullOrEmpty() -> true
        view is ImageButton -> false
        view is EditText || view is android.widget.Spinner -> hasLabel(view)
        view is TextView -> view.text.isNotEmpty()
        else -> visible(view).any { it is TextView && it.text.isNotEmpty() }
    }

    private fun hasLabel(view: View) = visible(view.rootView).any { it.labelFor == view.id }
}
