package org.pushauthenticator.app.screens

import android.app.Activity
import android.app.KeyguardManager
import android.content.Intent
import android.os.Build
import android.os.Bundle
import android.view.View
import android.view.WindowInsets
import android.view.WindowManager.LayoutParams.FLAG_SECURE
import android.widget.Button
import android.widget.ImageButton
import android.widget.LinearLayout
import android.widget.TextView
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.launch
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.app.App
import org.pushauthenticator.app.Core
import org.pushauthenticator.app.DeviceState
import org.pushauthenticator.app.R
import org.pushauthenticator.app.keys.BiometricGate
import org.pushauthenticator.app.service

/**
 * What every screen shares: a heading, a place for a notice, the app lock, screenshot blocking if the user wants it,
 * and rejection of touches through other apps' windows.
 */
abstract class Screen : Activity() {
    protected val app get() = application as App

    /** Cancelled when the screen ends. */
    protected val scope = CoroutineScope(SupervisorJob() + Dispatchers.Main)

    /** Cancelled when the screen is no longer shown. */
    private var shown = CoroutineScope(SupervisorJob() + Dispatchers.Main)

    protected val content: LinearLayout get() = requireViewById(R.id.content)

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.screen)
        val root = requireViewById<GuardedLayout>(R.id.screen)
        root.onRefused = { notice(getString(R.string.covered)) }
        root.setOnApplyWindowInsetsListener { view, insets -> insets.also { keepClear(view, it) } }
        requireViewById<View>(R.id.back).run {
            visibility = if (isTaskRoot && this@Screen is AccountsActivity) View.GONE else View.VISIBLE
            setOnClickListener { finish() }
        }
        requireViewById<Button>(R.id.unlock).setOnClickListener { unlock() }
        heading(title)
    }

    /**
     * The work that this screen started and whose result it shows, by its name in
     * [org.pushauthenticator.app.messages.Outgoing].
     */
    protected open val watched: String? get() = null

    override fun onResume() {
        super.onResume()
        resumed = true
        watched?.let(app.outgoing::watch)
        shown = CoroutineScope(SupervisorJob() + Dispatchers.Main)
        if (app.settings.screenshotsBlocked) window.addFlags(FLAG_SECURE) else window.clearFlags(FLAG_SECURE)
        showLock()
        when {
            !app.lock.isLocked -> begin()
            // A user who has just cancelled is not asked again immediately.
            declined -> declined = false
            else -> unlock()
        }
    }

    override fun onPause() {
        resumed = false
        shown.cancel()
        // A recreated screen keeps watching.
        if (!isChangingConfigurations) watched?.let(app.outgoing::unwatch)
        super.onPause()
    }

    override fun onDestroy() {
        scope.cancel()
        super.onDestroy()
    }

    /** Called when the screen is shown and unlocked, so its content may be read now. Called again on every return. */
    protected open fun begin() = Unit

    /** Runs [work] with the core while the screen is shown. Shows a notice if the core rejects something. */
    protected fun whileShown(work: suspend (Core) -> Unit) {
        begunWhileShown(work)
    }

    /** Like [whileShown], for callers that may want to cancel it earlier. */
    protected fun begunWhileShown(work: suspend (Core) -> Unit): Job = run(shown, ::refused, work)

    /** Runs [work] with the core, and continues while the screen is temporarily hidden. */
    protected fun withCore(refused: (AuthenticatorException) -> Unit = ::refused, work: suspend (Core) -> Unit) {
        run(scope, refused, work)
    }

    private fun run(within: CoroutineScope, refused: (AuthenticatorException) -> Unit, work: suspend (Core) -> Unit): Job =
        within.launch {
            try {
                work(app.core())
            } catch (reason: AuthenticatorException) {
                refused(reason)
            }
        }

    private fun refused(reason: AuthenticatorException) = notice(explain(reason))

    protected fun heading(text: CharSequence) {
        requireViewById<TextView>(R.id.heading).text = text
    }

    /** Shows a persistent notice above the content. */
    protected fun notice(text: String?) {
        requireViewById<TextView>(R.id.notice).show(text)
    }

    protected fun fill(layout: Int): View {
        content.removeAllViews()
        return layoutInflater.inflate(layout, content, false).also { content.addView(it) }
    }

    /** Adds a button at the right of the heading. */
    protected fun action(icon: Int, description: Int, id: Int, target: Class<out Activity>) {
        val button = ImageButton(this, null, 0, R.style.IconButton)
        button.id = id
        button.setImageResource(icon)
        button.contentDescription = getString(description)
        button.tooltipText = button.contentDescription
        button.setOnClickListener { startActivity(Intent(this, target)) }
        val size = resources.getDimensionPixelSize(R.dimen.touch)
        requireViewById<LinearLayout>(R.id.actions).addView(button, size, size)
    }

    private fun showLock() {
        val locked = app.lock.isLocked
        requireViewById<View>(R.id.locked).visibility = if (locked) View.VISIBLE else View.GONE
        for (id in listOf(R.id.scroll, R.id.actions, R.id.heading)) {
            requireViewById<View>(id).visibility = if (locked) View.GONE else View.VISIBLE
        }
        if (locked) notice(null)
    }

    private var asking = false
    private var declined = false
    private var resumed = false

    private fun unlock() {
        if (asking) return
        if (!DeviceState(this).hasScreenLock) return unlocked()
        asking = true
        if (Build.VERSION.SDK_INT < Build.VERSION_CODES.Q) return confirmCredential()
        scope.launch {
            val passed = BiometricGate(this@Screen).unlock()
            asking = false
            // If the system prompted on a separate screen, this one is only now coming back.
            if (passed) unlocked() else declined = !resumed
        }
    }

    /**
     * The prompt of API 28 does not accept a PIN; the system's own screen accepts everything that the user has set up.
     */
    @Suppress("DEPRECATION")
    private fun confirmCredential() {
        val confirm = service<KeyguardManager>().createConfirmDeviceCredentialIntent(getString(R.string.prompt_unlock), null)
        startActivityForResult(confirm, CONFIRM)
    }

    override fun onActivityResult(request: Int, result: Int, data: Intent?) {
        if (request != CONFIRM) return
        asking = false
        if (result == RESULT_OK) app.lock.unlocked() else declined = true
    }

    private fun unlocked() {
        app.lock.unlocked()
        showLock()
        begin()
    }

    private fun keepClear(view: View, insets: WindowInsets) {
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.R) {
            val bars = insets.getInsets(WindowInsets.Type.systemBars() or WindowInsets.Type.displayCutout() or WindowInsets.Type.ime())
            view.setPadding(bars.left, bars.top, bars.right, bars.bottom)
        } else {
            @Suppress("DEPRECATION")
            view.setPadding(
                insets.systemWindowInsetLeft, insets.systemWindowInsetTop,
                insets.systemWindowInsetRight, insets.systemWindowInsetBottom,
            )
        }
    }

    private companion object {
        const val CONFIRM = 1
    }
}
