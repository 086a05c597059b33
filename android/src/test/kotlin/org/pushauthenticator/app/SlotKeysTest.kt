package org.pushauthenticator.app

import android.content.Intent
import android.net.Uri
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import java.security.KeyFactory
import java.security.KeyPairGenerator
import java.security.spec.MGF1ParameterSpec
import java.security.spec.X509EncodedKeySpec
import javax.crypto.Cipher
import javax.crypto.spec.OAEPParameterSpec
import javax.crypto.spec.PSource
import kotlinx.coroutines.runBlocking
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pushauthenticator.Account
import org.pushauthenticator.Notification
import org.pushauthenticator.SlotWrapper
import org.pushauthenticator.app.screens.AccountActivity
import org.pushauthenticator.app.screens.ConfirmActivity
import org.pushauthenticator.app.screens.RequestActivity

/** The keys that wrap accounts' biometric slots: one for each account, and one that earlier versions shared. */
class SlotKeysTest : AppTest() {
    /** Wraps slots as an earlier version of the app did: all under one key, whose name is not in the data. */
    private object Shared : SlotWrapper {
        override fun wrap(slot: ByteArray): ByteArray {
            val half = FakeKeyStore.pairs["biometric"]?.public ?: KeyPairGenerator.getInstance("RSA", "AndroidKeyStore").run {
                initialize(KeyGenParameterSpec.Builder("biometric", KeyProperties.PURPOSE_DECRYPT).setKeySize(2048).setUserAuthenticationRequired(true).build())
                generateKeyPair().public
            }
            val cipher = Cipher.getInstance("RSA/ECB/OAEPPadding")
            val public = KeyFactory.getInstance("RSA").generatePublic(X509EncodedKeySpec(half.encoded))
            cipher.init(Cipher.ENCRYPT_MODE, public, OAEPParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA1, PSource.PSpecified.DEFAULT))
            return cipher.doFinal(slot)
        }
    }

    private fun show(request: Notification) =
        open<RequestActivity>(RequestActivity.intent(app, request.id)).also { it.awaitText("Deny") }

    /** Approves with the fingerprint; no server receives the answer. */
    private fun RequestActivity.touch() {
        ShadowBiometricPrompt.reset()
        tap(R.id.approve)
        await("a prompt") { ShadowBiometricPrompt.shown }.pass()
        awaitText("Not sent yet")
    }

    private fun hasSlot(account: Account) = phone { accounts() }.single { it.id == account.id }.hasBiometricSlot

    @Test
    fun `after another finger an account that is added takes nothing from the others, whose next request says what happened`() {
        val first = LocalServer(this, name = "first")
        FakeKeyStore.invalidate(FakeKeyStore.biometric.single())
        val second = LocalServer(this, name = "second")
        show(second.push("n2", "biometric")).touch()

        val screen = show(first.push("n1", "biometric"))
        ShadowBiometricPrompt.reset()
        screen.tap(R.id.approve)
        screen.awaitText("so the key behind the biometric is gone")
        assertNull("no finger in vain", ShadowBiometricPrompt.shown)
        assertEquals(false to true, hasSlot(first.account) to hasSlot(second.account))
        assertEquals("the dead key is gone, the other one is there", 1, FakeKeyStore.biometric.size)
        screen.tap(R.id.deny)
        screen.awaitText("Not sent yet")
    }

    @Test
    fun `slots of an earlier version are unwrapped, and end together with the key that they share`() {
        val old = List(2) { LocalServer(this, name = "old$it", biometric = Shared) }
        val new = LocalServer(this, name = "new")
        show(old[0].push("n0", "biometric")).touch()

        FakeKeyStore.invalidate("biometric")
        val screen = show(old[1].push("n1", "biometric"))
        screen.tap(R.id.approve)
        screen.awaitText("so the key behind the biometric is gone")
        assertEquals(listOf(false, false, true), (old + new).map { hasSlot(it.account) })
        assertFalse("biometric" in FakeKeyStore.biometric)
        show(new.push("n2", "biometric")).touch()
    }

    @Test
    fun `a key goes with its account, the shared one with the last that has it, and one of no account`() {
        val accounts = listOf(LocalServer(this, name = "old0", biometric = Shared), LocalServer(this, name = "old1", biometric = Shared), LocalServer(this, name = "new"))
        app.biometricKey.wrap(ByteArray(32))
        assertEquals(3, FakeKeyStore.biometric.size)
        fun remove(account: Account, left: List<String>) {
            val screen = open<AccountActivity>(AccountActivity.intent(app, account.id))
            screen.tap(R.id.remove)
            screen.tap(R.id.remove_now)
            awaitThat("$left") { screen.isFinishing && FakeKeyStore.biometric == left }
        }
        remove(accounts[2].account, listOf("biometric"))
        remove(accounts[0].account, listOf("biometric"))
        // The removal of the orphan above shows that keys are checked.
        remove(accounts[1].account, emptyList())
    }

    @Test
    fun `another account's removal takes no key of one that is being added`() {
        val removed = LocalServer(this, name = "removed")
        HeldServer().use { server ->
            val screen = open<ConfirmActivity>(Intent(Intent.ACTION_VIEW, Uri.parse(LocalServer.code(server.host, "frank", "http") + "&v=2")))
            screen.awaitText(server.host)
            screen.tap(R.id.add)
            val prompt = await("a prompt") { ShadowBiometricPrompt.shown }
            val account = open<AccountActivity>(AccountActivity.intent(app, removed.account.id))
            account.tap(R.id.remove)
            account.tap(R.id.remove_now)
            awaitThat("the end") { account.isFinishing }
            runBlocking { app.accountKeys.tidy(app.core().phone) }
            assertEquals(1, FakeKeyStore.signing.size)
            prompt.pass()
            server.release()
            screen.awaitText("Account added")
            assertTrue(phone { accounts() }.single().key != null)
            assertEquals("and what waited is gone", 1 to 0, FakeKeyStore.signing.size to FakeKeyStore.biometric.size)
        }
    }
}
