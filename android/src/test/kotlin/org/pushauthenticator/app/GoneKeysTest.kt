package org.pushauthenticator.app

import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pushauthenticator.app.screens.RequestActivity

/**
 * Keys that are gone: no longer there, reported as invalid by the Keystore on loading, or kept by it when they should
 * be deleted.
 */
class GoneKeysTest : AppTest() {
    @Test
    fun `a key that is gone when it is loaded ends the account, even where the store keeps it`() {
        val keyed = LocalServer(this, keyed = true)
        val screen = open<RequestActivity>(RequestActivity.intent(app, keyed.push("n", "default").id))
        screen.awaitText("Deny")
        FakeKeyStore.isBusy = true
        screen.tap(R.id.approve)
        screen.awaitText("The key could not be used. Try again.")
        assertFalse("a fault that passes ends nothing", phone { accounts() }.single().key!!.isInvalidated)
        FakeKeyStore.isBusy = false
        FakeKeyStore.handsOutInvalidated = false
        FakeKeyStore.keepsAll = true
        FakeKeyStore.invalidate(FakeKeyStore.signing.single())
        screen.tap(R.id.approve)
        screen.awaitText("This account's key is gone")
        assertNull(ShadowBiometricPrompt.shown)
        assertTrue(phone { accounts() }.single().key!!.isInvalidated)
    }

    @Test
    fun `a biometric key that is gone when it is loaded can be denied only, even where the store keeps it`() {
        val plain = LocalServer(this)
        FakeKeyStore.handsOutInvalidated = false
        FakeKeyStore.keepsAll = true
        FakeKeyStore.invalidate(FakeKeyStore.biometric.single())
        val screen = open<RequestActivity>(RequestActivity.intent(app, plain.push("n", "biometric").id))
        screen.awaitText("Deny")
        screen.tap(R.id.approve)
        screen.awaitText("the key behind the biometric is gone")
        assertFalse(phone { accounts() }.single().hasBiometricSlot)
    }

    @Test
    fun `a key that is not in the store any more is as good as invalid`() {
        val keyed = LocalServer(this, keyed = true)
        val screen = open<RequestActivity>(RequestActivity.intent(app, keyed.push("n", "default").id))
        screen.awaitText("Deny")
        FakeKeyStore.pairs.clear()
        screen.tap(R.id.approve)
        screen.awaitText("This account's key is gone")
        assertTrue(phone { accounts() }.single().key!!.isInvalidated)
    }
}
