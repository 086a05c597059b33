package org.pushauthenticator.app

import android.content.Intent
import android.net.Uri
import android.widget.Button
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pushauthenticator.CredentialKind
import org.pushauthenticator.app.screens.AccountsActivity
import org.pushauthenticator.app.screens.ConfirmActivity
import org.pushauthenticator.app.screens.EntryActivity
import org.pushauthenticator.app.screens.ScanActivity
import org.robolectric.Shadows.shadowOf

class ConfirmTest : AppTest() {
    private val secret = "c2hhcmVkIHNlY3JldCBvZiAzMiBieXRlcyBsZW5ndGg"
    private val challenge = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk"

    private fun push(scheme: String = "pushauth://push", host: String = "am.example.com", more: String = ""): String {
        val encode = { text: String -> java.util.Base64.getUrlEncoder().withoutPadding().encodeToString(text.toByteArray()) }
        return "$scheme/Ping:demo?l=${encode("amlbcookie=01")}&issuer=${encode("Ping")}&m=REGISTER:1&s=$secret&c=$challenge" +
            "&r=${encode("https://$host/am/push?_action=register")}&a=${encode("https://$host/am/push?_action=authenticate")}$more"
    }

    private fun link(text: String) = open<ConfirmActivity>(Intent(Intent.ACTION_VIEW, Uri.parse(text)))

    @Test
    fun `the three kinds of links reach the confirm screen and no other`() {
        for (scheme in listOf("pushauth", "mfauth", "otpauth")) {
            val intent = Intent(Intent.ACTION_VIEW, Uri.parse("$scheme://x/y")).addCategory(Intent.CATEGORY_BROWSABLE)
            val found = app.packageManager.queryIntentActivities(intent, 0).map { it.activityInfo.name }
            assertEquals(listOf(ConfirmActivity::class.java.name), found)
        }
        val info = app.packageManager.getPackageInfo(app.packageName, android.content.pm.PackageManager.GET_ACTIVITIES)
        val exported = info.activities!!.filter { it.exported }.map { it.name }.toSet()
        assertEquals(setOf(AccountsActivity::class.java.name, ConfirmActivity::class.java.name), exported)
    }

    @Test
    fun `a link shows issuer, account, host, kinds and policies, and stores nothing`() {
        val policies = java.util.Base64.getUrlEncoder().withoutPadding().encodeToString("""{"biometricAvailable":{}}""".toByteArray())
        val screen = link(push(more = "&policies=$policies"))
        screen.awaitText("am.example.com")
        val texts = screen.texts()
        for (text in listOf("Ping", "demo", "am.example.com", "Answers sign-on requests", "A fingerprint or face set up")) {
            assertTrue("$text in $texts", text in texts)
        }
        assertEquals(0, phone { accounts() }.size)
        assertEquals(0, phone { outbox() }.size)
    }

    @Test
    fun `a host in other letters is shown in both forms, and mixed scripts are warned of`() {
        val screen = link(push(host = "am.xn--mnchen-3ya.example"))
        screen.awaitText("am.xn--mnchen-3ya.example")
        assertTrue("am.münchen.example" in screen.texts())
        assertFalse(app.getString(R.string.confirm_mixed_scripts) in screen.texts())
        val mixed = link(push(host = "аpple.example"))
        mixed.awaitText("xn--pple-43d.example")
        assertTrue(app.getString(R.string.confirm_mixed_scripts) in mixed.texts())
    }

    @Test
    fun `a link says how codes are made`() {
        val screen = link("otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQ&issuer=Example&digits=8&period=60&algorithm=SHA256")
        screen.awaitText("8 digits, new every 60 seconds, SHA-256")
        assertEquals(0, phone { accounts() }.size)
        screen.tap(R.id.add)
        screen.awaitText("Account added")
        screen.awaitText("Its codes are in the list")
    }

    @Test
    fun `hostile links are refused with a reason and no button to add`() {
        val hostile = listOf(
            "pushauth://push/Ping:demo", "otpauth://totp/Example?secret=!!!", "mfauth://totp/x:y?", "pushauth:", "otpauth://",
            push().replace("Ping:demo", "Ping:\uD800"), "otpauth://totp/" + "x".repeat(100_000), push(host = "evil.example.com\u0000"),
        )
        for (text in hostile) {
            val screen = link(text)
            val problem = await("a reason for ${text.take(30)}") {
                screen.requireViewById<android.widget.TextView>(R.id.problem).text.toString().takeIf { it.isNotEmpty() }
            }
            assertTrue(problem, problem.length < 400)
            assertFalse(screen.requireViewById<Button>(R.id.add).isShown)
        }
        assertEquals(0, phone { accounts() }.size)
    }

    @Test
    fun `an account that is there is replaced only when the screen says so, another host is warned of`() {
        phone { enrol(push(), enrolment(), null) }
        val again = link(push())
        again.awaitText("This account is on this phone already")
        assertEquals("Replace the account", again.requireViewById<Button>(R.id.add).text.toString())
        val other = link(push(host = "evil.example.com"))
        other.awaitText("at another host: am.example.com")
        assertEquals("Add account", other.requireViewById<Button>(R.id.add).text.toString())
    }

    @Test
    fun `a server that cannot be reached leaves the registration waiting`() {
        val encode = { text: String -> java.util.Base64.getUrlEncoder().withoutPadding().encodeToString(text.toByteArray()) }
        val nowhere = push().replace(encode("https://am.example.com/am/push?_action=register"), encode("http://127.0.0.1:1/am/push?_action=register"))
            .replace(encode("https://am.example.com/am/push?_action=authenticate"), encode("http://127.0.0.1:1/am/push?_action=authenticate"))
        val screen = link(nowhere)
        screen.tap(R.id.add)
        screen.awaitText("Not registered yet")
        assertEquals(1, phone { outbox() }.size)
    }

    @Test
    fun `a scanned code is confirmed before it counts, and is not in the intent`() {
        val scan = open<ScanActivity>()
        scan.found("otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQ&issuer=Example")
        assertTrue(scan.isFinishing)
        val intent = shadowOf(scan).nextStartedActivity
        assertNull(intent.data)
        val screen = open<ConfirmActivity>(intent)
        screen.awaitText("Example")
        assertEquals(0, phone { accounts() }.size)
        screen.tap(R.id.cancel)
        assertTrue(screen.isFinishing)
    }

    @Test
    fun `a result stays when its screen is made anew, and nothing is asked again`() {
        val added = link("otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQ&issuer=Example")
        added.tap(R.id.add)
        added.awaitText("Account added")
        val screen = again(added)
        screen.awaitText("Account added")
        screen.awaitText("Its codes are in the list")
        assertNull(screen.findViewById(R.id.add))
        screen.tap(R.id.done)
        assertTrue(screen.isFinishing)
        assertEquals(1, phone { accounts() }.size)
    }

    @Test
    fun `a screen that is made anew before anything was added goes on asking`() {
        val intent = ConfirmActivity.intent(app, "otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQ&issuer=Example")
        val first = open<ConfirmActivity>(intent)
        first.awaitText("Example")
        val screen = again(first)
        screen.awaitText("Example")
        screen.tap(R.id.add)
        screen.awaitText("Account added")
    }

    @Test
    fun `what was scanned is forgotten with its screen, and no other app can bring it up`() {
        val scanned = ConfirmActivity.intent(app, "otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQ&issuer=Example")
        for (name in listOf(true, "", "own")) {
            val foreign = Intent(app, ConfirmActivity::class.java)
            if (name is String) foreign.putExtra("own", name) else foreign.putExtra("own", true)
            val screen = open<ConfirmActivity>(foreign)
            screen.awaitText("The code was not kept")
            assertFalse(screen.texts().any { "Example" in it })
        }
        val screen = open<ConfirmActivity>(scanned)
        screen.awaitText("Example")
        screen.tap(R.id.cancel)
        close()
        open<ConfirmActivity>(scanned).awaitText("The code was not kept")
    }

    @Test
    fun `a typed secret is not kept by the system, and no other app's task takes in a screen`() {
        val screen = open<EntryActivity>()
        val field = screen.requireViewById<android.widget.EditText>(R.id.secret)
        field.setText("GEZDGNBVGY3TQOJQ")
        screen.requireViewById<android.widget.EditText>(R.id.name).setText("bob")
        val second = again(screen)
        assertEquals("bob", second.requireViewById<android.widget.EditText>(R.id.name).text.toString())
        assertEquals("", second.requireViewById<android.widget.EditText>(R.id.secret).text.toString())
        val info = app.packageManager.getPackageInfo(app.packageName, android.content.pm.PackageManager.GET_ACTIVITIES)
        assertEquals(emptyList<String>(), info.activities!!.mapNotNull { it.taskAffinity?.ifEmpty { null } })
    }

    @Test
    fun `an account is typed in, judged, confirmed and added`() {
        val screen = open<EntryActivity>()
        fun type(id: Int, text: String) = screen.requireViewById<android.widget.EditText>(id).setText(text)
        type(R.id.issuer, "Example")
        type(R.id.name, "bob")
        type(R.id.secret, "no base32 at all !")
        screen.tap(R.id.next)
        val problem = screen.requireViewById<android.widget.TextView>(R.id.problem)
        awaitThat("a problem") { problem.isShown }
        assertNull(shadowOf(screen).nextStartedActivity)

        type(R.id.secret, "gezd gnbv gy3t qojq")
        type(R.id.digits, "six")
        screen.tap(R.id.next)
        assertEquals("Digits, seconds and the counter are whole numbers.", problem.text.toString())
        type(R.id.digits, "6")
        screen.tap(R.id.next)
        val intent = await("the confirm screen") { shadowOf(screen).nextStartedActivity }
        assertFalse("a secret in an intent", intent.toUri(0).contains("gezd", ignoreCase = true))
        val confirm = open<ConfirmActivity>(intent)
        confirm.awaitText("6 digits, new every 30 seconds, SHA-1")
        confirm.tap(R.id.add)
        confirm.awaitText("Account added")
        assertEquals(listOf(CredentialKind.TOTP), phone { accounts() }.single().kinds)
    }
}
