package org.pushauthenticator.app

import android.content.pm.PackageManager
import android.os.UserManager
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import java.io.File
import java.security.UnrecoverableKeyException
import javax.xml.parsers.DocumentBuilderFactory
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.pushauthenticator.AccountState
import org.pushauthenticator.Authenticator
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.PlatformKeyException
import org.pushauthenticator.app.keys.BiometricKey
import org.pushauthenticator.app.keys.VaultKey
import org.robolectric.Shadows.shadowOf
import org.w3c.dom.Element

class KeysTest : AppTest() {
    private val secret = ByteArray(32) { it.toByte() }

    @Test
    fun `the vault's key needs no person and no unlocked phone`() {
        val key = VaultKey(app)
        val wrapped = key.wrap(secret.clone())
        assertArrayEquals(secret, key.unwrap(wrapped))
        val spec = FakeKeyStore.specs.single()
        assertEquals("vault", spec.keystoreAlias)
        assertEquals(256, spec.keySize)
        assertFalse(spec.isUserAuthenticationRequired)
        assertFalse(spec.isUnlockedDeviceRequired)
        assertFalse(wrapped.contentEquals(key.wrap(secret.clone())))
        assertEquals("the key is made once", 1, FakeKeyStore.specs.size)
    }

    @Test
    fun `StrongBox is used where there is one, and done without where it refuses`() {
        shadowOf(app.packageManager).setSystemFeature(PackageManager.FEATURE_STRONGBOX_KEYSTORE, true)
        FakeKeyStore.hasStrongBox = true
        VaultKey(app).wrap(secret.clone())
        assertTrue(FakeKeyStore.specs.single().isStrongBoxBacked)

        FakeKeyStore.install()
        VaultKey(app).wrap(secret.clone())
        BiometricKey(app).wrap(secret.clone())
        assertEquals(listOf(true, false, true, false), FakeKeyStore.specs.map { it.isStrongBoxBacked })
    }

    @Test
    fun `the caller's copy of what is wrapped is overwritten`() {
        val copy = secret.clone()
        VaultKey(app).wrap(copy)
        assertArrayEquals(ByteArray(32), copy)
        val slot = secret.clone()
        BiometricKey(app).wrap(slot)
        assertArrayEquals(ByteArray(32), slot)
    }

    @Test
    fun `a key that is gone is told from one that cannot be used yet`() {
        val key = VaultKey(app)
        val wrapped = key.wrap(secret.clone())
        assertThrows(PlatformKeyException.Invalid::class.java) { key.unwrap(wrapped.clone().also { it[20] = (it[20] + 1).toByte() }) }
        assertThrows(PlatformKeyException.Invalid::class.java) { key.unwrap(ByteArray(5)) }
        FakeKeyStore.secrets.clear()
        assertThrows(PlatformKeyException.Invalid::class.java) { key.unwrap(wrapped) }
        shadowOf(app.service<UserManager>()).setUserUnlocked(false)
        assertThrows(PlatformKeyException.Unavailable::class.java) { key.unwrap(wrapped) }
    }

    @Test
    fun `a vault whose key is gone says so, and can be left`() {
        addCodes()
        val copy = File(app.noBackupFilesDir, "restored")
        File(app.noBackupFilesDir, "vault").copyTo(copy)
        File(app.noBackupFilesDir, "vault-wal").takeIf { it.exists() }?.copyTo(File(app.noBackupFilesDir, "restored-wal"))
        FakeKeyStore.secrets.clear()
        Authenticator.open(copy.path, VaultKey(app), null).use { restored ->
            val account = restored.accounts().single()
            assertEquals(AccountState.RE_ENROLMENT_NEEDED, account.state)
            val refused = assertThrows(AuthenticatorException::class.java) { restored.code(account.id) }
            assertTrue(refused.toString(), "re-enrolment-needed" in refused.message!!)
            restored.remove(account.id)
        }
    }

    @Test
    fun `before the first unlock the list says what to do, and works afterwards`() {
        VaultKey(app).wrap(secret.clone())
        val kept = FakeKeyStore.secrets.toMap()
        phone { accounts() }
        val second = File(app.noBackupFilesDir, "second")
        Authenticator.open(second.path, VaultKey(app), null).close()
        FakeKeyStore.secrets.clear()
        shadowOf(app.service<UserManager>()).setUserUnlocked(false)
        val refused = assertThrows(AuthenticatorException::class.java) { Authenticator.open(second.path, VaultKey(app), null) }
        assertTrue(refused.toString(), "key-unavailable" in refused.message!!)
        FakeKeyStore.secrets += kept
        Authenticator.open(second.path, VaultKey(app), null).close()
    }

    @Test
    fun `the biometric key is bound to a strong biometric, and gone with another finger`() {
        val key = BiometricKey(app)
        val wrapped = key.wrap(secret.clone())
        val spec = FakeKeyStore.specs.single()
        assertEquals(KeyProperties.PURPOSE_DECRYPT, spec.purposes)
        assertTrue(spec.isUserAuthenticationRequired)
        assertTrue(spec.isInvalidatedByBiometricEnrollment)
        assertEquals(KeyProperties.AUTH_BIOMETRIC_STRONG, spec.userAuthenticationType)
        assertEquals(0, spec.userAuthenticationValidityDurationSeconds)

        assertThrows("nothing without a prompt", java.security.GeneralSecurityException::class.java) { key.unwrap(wrapped, key.unwrapper(wrapped)) }
        ShadowBiometricPrompt.isOpen = true
        assertArrayEquals(secret, key.unwrap(wrapped, key.unwrapper(wrapped)))

        FakeKeyStore.invalidate(FakeKeyStore.biometric.single())
        val next = key.wrap(secret.clone())
        assertThrows("it stays dead", KeyPermanentlyInvalidatedException::class.java) { key.unwrapper(wrapped) }
        ShadowBiometricPrompt.isOpen = true
        assertArrayEquals("wrapped under a key of its own", secret, key.unwrap(next, key.unwrapper(next)))
        assertFalse(key.isSame(wrapped, next))
    }

    @Test
    fun `a key that the store reports as gone while it is loaded is gone, a busy store is not`() {
        val key = BiometricKey(app)
        val slot = key.wrap(secret.clone())
        FakeKeyStore.isBusy = true
        assertThrows(UnrecoverableKeyException::class.java) { key.unwrapper(slot) }
        assertEquals("nothing is thrown away", 1, FakeKeyStore.specs.size)
        FakeKeyStore.isBusy = false
        FakeKeyStore.handsOutInvalidated = false
        FakeKeyStore.invalidate(FakeKeyStore.biometric.single())
        assertThrows(KeyPermanentlyInvalidatedException::class.java) { key.unwrapper(slot) }

        val vault = VaultKey(app)
        val wrapped = vault.wrap(secret.clone())
        FakeKeyStore.isBusy = true
        assertThrows("no reason to tell that accounts are lost", PlatformKeyException.Unavailable::class.java) { vault.unwrap(wrapped) }
    }

    @Test
    fun `a store that takes no key away now ends nothing`() {
        val key = BiometricKey(app)
        val slots = List(2) { key.wrap(secret.clone()) }
        FakeKeyStore.keepsAll = true
        key.forget(slots[0])
        assertEquals(2, FakeKeyStore.biometric.size)
        FakeKeyStore.keepsAll = false
        key.keepOnly(slots.drop(1))
        ShadowBiometricPrompt.isOpen = true
        assertArrayEquals(secret, key.unwrap(slots[1], key.unwrapper(slots[1])))
        assertThrows(KeyPermanentlyInvalidatedException::class.java) { key.unwrapper(slots[0]) }
    }

    @Test
    fun `the manifest names every app that is looked for`() {
        val manifest = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(File("src/main/AndroidManifest.xml"))
        val packages = (manifest.getElementsByTagName("queries").item(0) as Element).getElementsByTagName("package")
        val named = (0 until packages.length).map { (packages.item(it) as Element).getAttribute("android:name") }
        assertTrue(TamperSignal.SUPERUSER_APPS.isNotEmpty())
        assertEquals(TamperSignal.SUPERUSER_APPS, named)
    }

    @Test
    fun `facts of the device reach the core`() {
        val state = DeviceState(app)
        assertTrue(state.hasBiometric)
        setBiometric(false)
        assertFalse(state.facts().biometricAvailable)
        setBiometric(true)
        keyguard.setIsDeviceSecure(false)
        assertFalse("no biometric without a screen lock", state.hasBiometric)
        val before = state.facts().tamperScore
        shadowOf(app.packageManager).installPackage(android.content.pm.PackageInfo().apply { packageName = "com.topjohnwu.magisk" })
        assertTrue(TamperSignal.SUPERUSER_APP in state.tamperSignals())
        assertTrue(state.facts().tamperScore > before)
        assertTrue(state.facts().tamperScore <= 1.0)
    }
}
