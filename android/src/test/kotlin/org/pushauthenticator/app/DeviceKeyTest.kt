package org.pushauthenticator.app

import android.app.NotificationManager
import android.content.Intent
import android.content.pm.PackageManager
import android.hardware.biometrics.BiometricPrompt
import android.net.Uri
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import java.security.GeneralSecurityException
import java.security.SignatureException
import java.security.spec.ECGenParameterSpec
import kotlinx.coroutines.runBlocking
import org.json.JSONArray
import org.json.JSONObject
import org.junit.After
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pushauthenticator.AccountState
import org.pushauthenticator.KeyLevel
import org.pushauthenticator.UserPresence
import org.pushauthenticator.app.messages.DeliveryJob
import org.pushauthenticator.app.screens.AccountActivity
import org.pushauthenticator.app.screens.AccountsActivity
import org.pushauthenticator.app.screens.ConfirmActivity
import org.pushauthenticator.app.screens.RequestActivity
import org.pushauthenticator.app.screens.ScanActivity
import org.robolectric.Shadows.shadowOf

/**
 * Accounts with their own key: how it is made in the Keystore, and complete sign-ons with it against the real server,
 * whose journey accepts no phone without one. The Keystore and the prompt are stand-ins; keys and signatures are real.
 */
class DeviceKeyTest : AppTest() {
    private var running: Server? = null
    private val server get() = running!!

    @After
    fun stopServer() {
        running?.close()
    }

    private fun make(biometric: Boolean = true, challenge: ByteArray? = ByteArray(32) { 7 }) =
        runBlocking { app.signingKeys.make(challenge, biometric) }

    @Test
    fun `a key is on P-256, attested, bound to a strong biometric, and gone with another finger`() {
        val key = make()
        val spec = FakeKeyStore.specs.single()
        assertEquals(KeyProperties.PURPOSE_SIGN, spec.purposes)
        assertEquals("secp256r1", (spec.algorithmParameterSpec as ECGenParameterSpec).name)
        assertEquals(listOf(KeyProperties.DIGEST_SHA256), spec.digests.toList())
        assertArrayEquals(ByteArray(32) { 7 }, spec.attestationChallenge)
        assertTrue(spec.isUserAuthenticationRequired)
        assertTrue(spec.isInvalidatedByBiometricEnrollment)
        assertEquals(KeyProperties.AUTH_BIOMETRIC_STRONG, spec.userAuthenticationType)
        assertEquals(0, spec.userAuthenticationValidityDurationSeconds)
        assertEquals(KeyLevel.TEE to UserPresence.BIOMETRIC, key.description.level to key.description.presence)
        assertEquals(3, key.description.attestation?.size)

        val signature = key.signature().apply { update(1) }
        assertThrows("nothing without a prompt", SignatureException::class.java) { signature.sign() }
        FakeKeyStore.invalidate(spec.keystoreAlias)
        assertThrows(KeyPermanentlyInvalidatedException::class.java) { key.signature() }
        key.forget()
        assertThrows("one that is not there is as good as invalid", KeyPermanentlyInvalidatedException::class.java) { key.signature() }
    }

    @Test
    fun `StrongBox is used where there is one, and done without where it refuses`() {
        shadowOf(app.packageManager).setSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE, true)
        FakeKeyStore.hasStrongBox = true
        assertEquals(KeyLevel.STRONGBOX, make().description.level)
        FakeKeyStore.install()
        assertEquals(KeyLevel.TEE, make().description.level)
        assertEquals(listOf(true, false), FakeKeyStore.specs.map { it.isStrongBoxBacked })
    }

    @Test
    fun `a phone without a biometric signs unasked, one that cannot attest has no certificates`() {
        FakeKeyStore.attests = false
        val key = make(biometric = false)
        assertEquals(UserPresence.NONE, key.description.presence)
        assertNull(key.description.attestation)
        assertEquals(listOf(true, false), FakeKeyStore.specs.map { it.attestationChallenge != null })
        assertTrue(key.signature().run { update(1); sign() }.isNotEmpty())
        FakeKeyStore.makesSigningKeys = false
        assertThrows(GeneralSecurityException::class.java) { make() }
    }

    @Test
    fun `a chain that is more than a registration holds is left out, and the key is registered`() {
        running = Server("CHALLENGE", deviceKey = "required")
        fun attestation(issuers: List<ByteArray>): String {
            FakeKeyStore.issuers = issuers
            val screen = open<ConfirmActivity>(Intent(Intent.ACTION_VIEW, Uri.parse(server.offer().second)))
            screen.awaitText(server.address)
            screen.tap(R.id.add)
            prompt().pass()
            screen.awaitText("Account added")
            val account = phone { accounts() }.single()
            assertEquals(KeyLevel.TEE to false, account.key?.level to account.key?.isSoftware)
            val device = JSONArray(server.manage("device", "list")).getJSONObject(0)
            phone { remove(account.id) }
            server.manage("device", "remove", device.getString("id"))
            close()
            return device.getJSONObject("key").getString("attestation")
        }
        assertEquals("unchecked", attestation(List(9) { ByteArray(700) }))
        assertEquals("ten certificates and one more", "none", attestation(List(10) { ByteArray(100) }))
        assertEquals("more than 8 KiB", "none", attestation(List(2) { ByteArray(4096) }))
    }

    @Test
    fun `a key goes with its account, and one of no account at the next start`() {
        val orphan = make()
        phone { accounts() }
        assertEquals("taken away when the vault was opened", emptyList<String>(), FakeKeyStore.signing)
        assertThrows(KeyPermanentlyInvalidatedException::class.java) { orphan.signature() }

        val keyed = LocalServer(this, keyed = true)
        assertEquals(1, FakeKeyStore.signing.size)
        val screen = open<AccountActivity>(AccountActivity.intent(app, keyed.account.id))
        screen.awaitText("A key of its own, in this phone's protected hardware")
        assertFalse(screen.texts().any { "can only be denied" in it })
        screen.tap(R.id.remove)
        screen.awaitText("This cannot be undone")
        screen.tap(R.id.remove_now)
        awaitThat("the key is gone") { FakeKeyStore.signing.isEmpty() }
    }

    @Test
    fun `an account without a key says what it has instead, and is asked for no reason`() {
        val plain = LocalServer(this)
        open<AccountActivity>(AccountActivity.intent(app, plain.account.id)).awaitText("A secret that this phone and the server share")
        val screen = open<RequestActivity>(RequestActivity.intent(app, plain.push("n", "default").id))
        screen.awaitText("Deny")
        screen.tap(R.id.deny)
        screen.awaitText("Not sent yet")
        plain.settleAll()
        assertEquals("deny", phone { events(20u) }.first { it.kind == "decided" }.detail)
    }

    /** Opens the link on the server's page, and confirms it with the fingerprint. */
    private fun confirm(code: String, prompts: Boolean = true) {
        val screen = open<ConfirmActivity>(Intent(Intent.ACTION_VIEW, Uri.parse(code)))
        screen.awaitText("A key of its own, made on this phone when you add it")
        screen.tap(R.id.add)
        if (prompts) prompt().pass()
        screen.awaitText("Account added")
        screen.tap(R.id.done)
    }

    private fun enrol(pushType: String, prompts: Boolean = true): JSONObject {
        running = Server(pushType, deviceKey = "required")
        val (step, code) = server.offer()
        confirm(code, prompts)
        return server.registered(step)
    }

    /** Returns the prompt for the key, and resets it, so that the next one is waited for. */
    private fun prompt(): ShadowBiometricPrompt.Shown = await("a prompt") { ShadowBiometricPrompt.shown }.also {
        assertNotNull("the prompt is about the key", it.crypto?.signature)
        ShadowBiometricPrompt.reset()
    }

    private fun notice() = app.service<NotificationManager>().activeNotifications.firstOrNull()

    private fun request(): RequestActivity {
        runBlocking { DeliveryJob.run(app, networkIsBack = false) }
        val notice = await("a notification") { notice() }.notification
        assertTrue("a key signs on the screen only", notice.actions.isNullOrEmpty())
        return open<RequestActivity>(shadowOf(notice.contentIntent).savedIntent).also { it.awaitText("Deny") }
    }

    private fun RequestActivity.approve() {
        tap(R.id.approve)
        prompt().pass()
        awaitText("Approved")
    }

    private fun frozen() = JSONArray(server.manage("user", "list")).getJSONObject(0).getBoolean("frozen")

    @Test
    fun `nothing is added when the prompt is not passed`() {
        running = Server("CHALLENGE", deviceKey = "required")
        val screen = open<ConfirmActivity>(Intent(Intent.ACTION_VIEW, Uri.parse(server.offer().second)))
        screen.awaitText(server.address)
        screen.tap(R.id.add)
        prompt().fail(BiometricPrompt.BIOMETRIC_ERROR_USER_CANCELED, "")
        awaitThat("another try") { screen.requireViewById<View>(R.id.add).isEnabled }
        assertEquals(0 to 0, phone { accounts() }.size to FakeKeyStore.signing.size)
        screen.tap(R.id.add)
        prompt().fail(BiometricPrompt.BIOMETRIC_ERROR_LOCKOUT, "Too many attempts")
        screen.awaitText("Too many attempts")
        screen.tap(R.id.add)
        prompt().pass()
        screen.awaitText("Account added")
        assertFalse("a notice that is over", screen.texts().any { "Too many" in it })
        assertEquals(1 to 1, phone { accounts() }.size to FakeKeyStore.signing.size)
        assertTrue("tee" in server.manage("device", "list"))
    }

    @Test
    fun `a key that the server finds too weak is not kept, one whose registration waits is`() {
        running = Server("CHALLENGE", deviceKey = "required", minimumKeyLevel = "strongbox")
        val weak = open<ConfirmActivity>(Intent(Intent.ACTION_VIEW, Uri.parse(server.offer().second)))
        weak.awaitText(server.address)
        weak.tap(R.id.add)
        prompt().pass()
        weak.awaitText("The server refused")
        assertEquals(0 to 0, phone { accounts() }.size to FakeKeyStore.signing.size)
        close()

        shadowOf(app.packageManager).setSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE, true)
        FakeKeyStore.hasStrongBox = true
        val strong = open<ConfirmActivity>(Intent(Intent.ACTION_VIEW, Uri.parse(server.offer().second)))
        strong.awaitText(server.address)
        server.stop()
        strong.tap(R.id.add)
        prompt().pass()
        strong.awaitText("Not registered yet")
        assertEquals(KeyLevel.STRONGBOX to 1, phone { accounts() }.single().key?.level to FakeKeyStore.signing.size)
        server.start()
        runBlocking { DeliveryJob.run(app, networkIsBack = true) }
        awaitThat("the server has it") { phone { accounts() }.single().state == AccountState.ACTIVE }
        assertTrue("strongbox" in server.manage("device", "list"))
    }

    @Test
    fun `a number is approved by the key inside the prompt`() {
        val waiting = enrol("CHALLENGE")
        val account = phone { accounts() }.single()
        assertEquals(KeyLevel.TEE to UserPresence.BIOMETRIC, account.key?.level to account.key?.presence)
        val screen = request()
        val row = screen.requireViewById<ViewGroup>(R.id.numbers)
        fun number() = (0 until row.childCount).map { row.getChildAt(it) as Button }.single { it.text == Server.hiddenValue(waiting) }
        number().performClick()
        prompt().fail(BiometricPrompt.BIOMETRIC_ERROR_USER_CANCELED, "")
        awaitThat("another try") { number().isEnabled }
        number().performClick()
        prompt().pass()
        screen.awaitText("Approved")
        assertTrue(server.next(waiting).has("tokenId"))
    }

    @Test
    fun `what asks for a biometric is approved by the key, with no slot beside it`() {
        val waiting = enrol("BIOMETRIC")
        assertFalse(phone { accounts() }.single().hasBiometricSlot)
        request().approve()
        assertTrue(server.next(waiting).has("tokenId"))
    }

    @Test
    fun `it was not me stops requests, and the screen says so`() {
        val first = enrol("DEFAULT")
        request().approve()
        server.next(first)
        val waiting = server.signOn()
        val screen = request()
        screen.tap(R.id.deny)
        screen.awaitText("Why do you deny it?")
        assertFalse(screen.requireViewById<View>(R.id.approve).isShown)
        screen.tap(R.id.deny_not)
        assertTrue(screen.requireViewById<View>(R.id.approve).isShown)
        screen.tap(R.id.deny)
        screen.tap(R.id.deny_not_me)
        prompt().pass()
        screen.awaitText("for a while no more requests come to you")
        assertEquals(401, server.post(waiting).first)
        assertTrue(frozen())
        assertEquals("deny not-me", phone { events(20u) }.first { it.kind == "decided" }.detail)
    }

    @Test
    fun `a mistake is told, and stops nothing`() {
        val waiting = enrol("DEFAULT")
        val screen = request()
        screen.tap(R.id.deny)
        screen.tap(R.id.deny_mistake)
        prompt().pass()
        screen.awaitText("Denied")
        assertEquals(401, server.post(waiting).first)
        assertFalse(frozen())
        assertEquals("deny mistake", phone { events(20u) }.first { it.kind == "decided" }.detail)
    }

    @Test
    fun `another finger ends the account, the screens say what to do, and adding it again brings it back`() {
        val first = enrol("DEFAULT")
        request().approve()
        server.next(first)
        server.signOn()
        val screen = request()
        FakeKeyStore.invalidate(FakeKeyStore.signing.single())
        screen.tap(R.id.approve)
        screen.awaitText("This account's key is gone")
        assertNull(ShadowBiometricPrompt.shown)
        assertEquals("nothing is left of it", emptyList<String>(), FakeKeyStore.signing)
        screen.tap(R.id.next)
        assertEquals(ScanActivity::class.java.name, shadowOf(screen).nextStartedActivity.component?.className)

        val account = phone { accounts() }.single()
        assertEquals(AccountState.RE_ENROLMENT_NEEDED to true, account.state to account.key?.isInvalidated)
        assertEquals("device-key-invalidated", phone { events(1u) }.single().kind)
        open<AccountsActivity>().awaitText("It answers nothing until you add it again")
        open<AccountActivity>(AccountActivity.intent(app, account.id)).awaitText("It is gone. Add the account again.")
        val again = open<RequestActivity>(RequestActivity.intent(app, phone { pending() }.single().id))
        again.awaitText("This account's key is gone")

        // An administrator removes the phone; the next sign-on registers it again, with a new key.
        server.manage("device", "remove", JSONArray(server.manage("device", "list")).getJSONObject(0).getString("id"))
        close()
        val (step, code) = server.offer()
        val confirm = open<ConfirmActivity>(Intent(Intent.ACTION_VIEW, Uri.parse(code)))
        confirm.awaitText("This account is on this phone already")
        confirm.tap(R.id.add)
        prompt().pass()
        confirm.awaitText("Account added")
        assertEquals(AccountState.ACTIVE, phone { accounts() }.single().state)
        val waiting = server.registered(step)
        request().approve()
        assertTrue(server.next(waiting).has("tokenId"))
    }

    @Test
    fun `a Keystore that makes no key now is told, and the account gets its key with the next try`() {
        running = Server("CHALLENGE", deviceKey = "preferred")
        FakeKeyStore.makesSigningKeys = false
        val (step, code) = server.offer()
        val screen = open<ConfirmActivity>(Intent(Intent.ACTION_VIEW, Uri.parse(code)))
        screen.awaitText(server.address)
        assertFalse(screen.requireViewById<View>(R.id.add_software).isShown)
        screen.tap(R.id.add)
        screen.awaitText("could not make a key for the account")
        assertEquals("nothing is added in silence", 0, phone { accounts() }.size)
        FakeKeyStore.makesSigningKeys = true
        screen.tap(R.id.add)
        prompt().pass()
        screen.awaitText("Account added")
        server.registered(step)
        assertEquals(KeyLevel.TEE, phone { accounts() }.single().key?.level)
    }

    @Test
    fun `whoever wants it has the core's key where the Keystore goes on failing`() {
        running = Server("CHALLENGE", deviceKey = "preferred")
        FakeKeyStore.makesSigningKeys = false
        val screen = open<ConfirmActivity>(Intent(Intent.ACTION_VIEW, Uri.parse(server.offer().second)))
        screen.awaitText(server.address)
        screen.tap(R.id.add)
        screen.tap(R.id.add_software)
        screen.awaitText("Account added")
        assertTrue(phone { accounts() }.single().key!!.isSoftware)
    }

    @Test
    fun `where the Keystore can make no such key the core does, and says so`() {
        FakeKeyStore.knowsNoCurves()
        val first = enrol("CHALLENGE", prompts = false)
        val account = phone { accounts() }.single()
        assertTrue(account.key!!.isSoftware && account.hasBiometricSlot)
        open<AccountActivity>(AccountActivity.intent(app, account.id)).awaitText("A key of its own, in this app's storage")
        fun next(): RequestActivity {
            runBlocking { DeliveryJob.run(app, networkIsBack = false) }
            val id = phone { pending() }.single().id
            val notices = app.service<NotificationManager>()
            val notice = await("a notification") { notices.activeNotifications.find { it.tag == id } }.notification
            assertEquals("it signs unasked", listOf("Deny"), notice.actions.map { it.title.toString() })
            return open<RequestActivity>(shadowOf(notice.contentIntent).savedIntent).also { it.awaitText("Deny") }
        }
        // A phone that has never approved anything cannot stop requests.
        next().run {
            val row = requireViewById<ViewGroup>(R.id.numbers)
            (0 until row.childCount).map { row.getChildAt(it) as Button }.single { it.text == Server.hiddenValue(first) }.performClick()
            awaitText("Approved")
        }
        server.next(first)
        val waiting = server.signOn()
        val screen = next()
        screen.tap(R.id.deny)
        screen.tap(R.id.deny_not_me)
        screen.awaitText("for a while no more requests come to you")
        assertNull(ShadowBiometricPrompt.shown)
        assertEquals(401, server.post(waiting).first)
        assertTrue(frozen())
    }
}
