package org.pushauthenticator.app.screens

import android.app.Activity
import android.content.Context
import android.content.Intent
import android.net.Uri
import android.os.Bundle
import android.view.View
import android.view.ViewGroup
import android.widget.Button
import android.widget.TextView
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.Job
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import org.pushauthenticator.Account
import org.pushauthenticator.Answer
import org.pushauthenticator.Ask
import org.pushauthenticator.Authenticator
import org.pushauthenticator.AuthenticatorException
import org.pushauthenticator.DenyReason
import org.pushauthenticator.Evidence
import org.pushauthenticator.Notification
import org.pushauthenticator.NotificationState
import org.pushauthenticator.Signed
import org.pushauthenticator.ToSign
import org.pushauthenticator.UserPresence
import org.pushauthenticator.app.Core
import org.pushauthenticator.app.R
import org.pushauthenticator.app.keys.AccountSigner
import org.pushauthenticator.app.keys.BiometricGate
import org.pushauthenticator.app.keys.Used
import org.pushauthenticator.code
import org.pushauthenticator.needsSignature

/** One sign-on request: who asks, from where, and the user's answer; then its result. */
class RequestActivity : Screen() {
    private val id get() = intent.data?.schemeSpecificPart.orEmpty()
    override val watched get() = id
    private var answering = false

    /** An answer is on its way or waits to be sent, and the screen says so. */
    private var waiting = false

    /** The request was answered on this screen, and the reason given, if it was denied for one. */
    private var answered = false
    private var reason: DenyReason? = null

    /** Whether the screen says that the phone is locked. */
    private var concealed = false

    /** Nothing changes any more. */
    private var over = false

    private var looking: Job? = null

    /** The account that the sign-on request is for. */
    private var account: Account? = null

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        content.visibility = View.INVISIBLE
        answered = state?.getBoolean(ANSWERED) == true
        reason = state?.getString(REASON)?.let { name -> DenyReason.entries.find { it.name == name } }
    }

    /** A recreated screen, as after a theme change, says the same about its answer. */
    override fun onSaveInstanceState(state: Bundle) {
        super.onSaveInstanceState(state)
        state.putBoolean(ANSWERED, answered)
        state.putString(REASON, reason?.name)
    }

    override fun begin() {
        if (over || answering) return
        looking?.cancel()
        looking = begunWhileShown { core ->
            val request = core.phone.call { notification(id) }
            account = core.phone.call { accounts() }.find { it.id == request.accountId }
            if (answering) return@begunWhileShown
            content.visibility = View.VISIBLE
            when {
                request.state != NotificationState.PENDING -> follow(core, request.state)
                account?.key?.isInvalidated == true -> keyGone()
                else -> await(core, request)
            }
        }
    }

    /**
     * Asks the user until the sign-on request is no longer pending, because of an answer given here or for another
     * reason.
     */
    private suspend fun await(core: Core, request: Notification) {
        show(request)
        val now = coroutineScope {
            val counting = launch {
                while (true) {
                    remaining(request)
                    delay(TICK)
                }
            }
            // The server's clock decides; the core knows the difference.
            core.phone.notification(id).first { it.state != NotificationState.PENDING }.also { counting.cancel() }
        }
        if (!answering && !over) follow(core, now.state)
    }

    /** Shows the state of the sign-on request, and keeps watching while its answer is on its way or waiting. */
    private suspend fun follow(core: Core, first: NotificationState) {
        if (first == NotificationState.ANSWERING && !waiting) {
            end(R.drawable.unsure, R.color.accent, R.string.request_answering, getString(R.string.request_answering_text))
            answered = true
            waiting = true
            over = false
        }
        val state = core.phone.notification(id).first { it.state != NotificationState.ANSWERING }.state
        outcome(state)?.takeIf { answered }?.let { show(it, reason) } ?: settled(state)
    }

    private fun show(request: Notification) {
        fill(R.layout.request)
        requireViewById<TextView>(R.id.issuer).show(request.issuer)
        requireViewById<TextView>(R.id.account).show(request.account)
        requireViewById<TextView>(R.id.message).show(request.message)
        val list = requireViewById<ViewGroup>(R.id.context)
        list.field(R.string.host, request.host)
        request.context?.let { from ->
            list.field(R.string.request_address, from.remoteIp)
            list.field(R.string.request_browser, from.browser)
            list.field(R.string.request_location, from.location?.let { place(it) })
        }
        if (request.concealed) notice(getString(R.string.error_device_locked)) else if (concealed) notice(null)
        concealed = request.concealed
        ask(request)
        requireViewById<Button>(R.id.deny).setOnClickListener { if (account?.key == null) deny(null) else askReason(true) }
        for ((button, reason) in REASONS) requireViewById<Button>(button).setOnClickListener { deny(reason) }
        requireViewById<Button>(R.id.deny_not).setOnClickListener { askReason(false) }
    }

    /** A reason is signed, so only accounts with their own key can give one. */
    private fun askReason(asked: Boolean) {
        requireViewById<View>(R.id.choices).visibility = if (asked) View.GONE else View.VISIBLE
        requireViewById<View>(R.id.reasons).visibility = if (asked) View.VISIBLE else View.GONE
    }

    private fun ask(request: Notification) {
        val prompt = requireViewById<TextView>(R.id.prompt)
        val approve = requireViewById<Button>(R.id.approve)
        when (val ask = request.ask) {
            is Ask.Number -> {
                prompt.setText(R.string.request_number)
                val numbers = requireViewById<ViewGroup>(R.id.numbers)
                numbers.visibility = View.VISIBLE
                ask.numbers.forEach { number ->
                    (numbers.add(R.layout.number) as Button).run {
                        text = number
                        contentDescription = getString(R.string.request_number_description, number)
                        setOnClickListener { approve(number) { Evidence.Number(number) } }
                    }
                }
            }
            Ask.Tap -> {
                prompt.setText(R.string.request_tap)
                approve.show(getString(R.string.approve))
                approve.setOnClickListener { approve { Evidence.Tap } }
            }
            Ask.Biometric -> {
                prompt.setText(R.string.request_biometric)
                approve.show(getString(R.string.approve_biometric))
                approve.setOnClickListener { approve { core -> touch(core, request) } }
            }
        }
    }

    /** Approves with the evidence that [evidence] returns; if it returns null, the user may try again. */
    private fun approve(number: String? = null, evidence: suspend (Core) -> Evidence?) = answer { core ->
        evidence(core)?.let { given ->
            signed(core, R.string.prompt_approve, { approvalToSign(id, number) }) { app.outgoing.answer(id) { core.courier.approve(id, given, it) } }
        }
    }

    private fun deny(reason: DenyReason?) = answer(reason) { core ->
        signed(core, R.string.prompt_deny, { denialToSign(id, reason) }) { app.outgoing.answer(id) { core.courier.deny(id, reason, it) } }
    }

    /** Sends with a signature by the account's key, if this app holds it. */
    private suspend fun signed(core: Core, title: Int, what: Authenticator.() -> ToSign, send: suspend (Signed?) -> Answer): Answer? {
        val account = account?.takeIf { it.needsSignature } ?: return send(null)
        return when (val used = AccountSigner(this, app).sign(core.phone, account, title, what)) {
            is Used.Done -> send(used.result)
            is Used.Cancelled -> null
            is Used.Failed -> null.also { notice(used.text) }
            is Used.Invalidated -> null.also { keyGone() }
        }
    }

    private fun answer(reason: DenyReason? = null, work: suspend (Core) -> Answer?) {
        if (answering) return
        answering(true)
        notice(null)
        this.reason = reason
        withCore({ answered(Answer.Rejected(it)) }) { core -> answered(work(core)) }
    }

    private fun answered(answer: Answer?) {
        answering(false)
        if (answer != null) show(answer, reason)
        if (looking?.isActive != true) begin()
    }

    /** Nothing was sent. If a different answer may be accepted, asks the user again. */
    private fun reject(reason: AuthenticatorException) = when (reason.code) {
        "expired" -> show(Answer.Expired, null)
        "already-answered", "withdrawn" -> begin()
        "device-key-invalidated" -> keyGone()
        else -> notice(explain(reason))
    }

    private fun answering(now: Boolean) {
        answering = now
        for (button in listOf(R.id.approve, R.id.deny, R.id.deny_not) + REASONS.keys) findViewById<View>(button)?.isEnabled = !now
        findViewById<ViewGroup>(R.id.numbers)?.run { for (index in 0 until childCount) getChildAt(index).isEnabled = !now }
    }

    private suspend fun touch(core: Core, request: Notification): Evidence? {
        // The signature that follows is the evidence.
        if (account?.run { needsSignature && key?.presence == UserPresence.BIOMETRIC } == true) return Evidence.Tap
        val wrapped = core.phone.call { biometricChallenge(id) }
        val subtitle = getString(R.string.prompt_account, request.account, request.issuer)
        return when (val used = BiometricGate(this).unwrap(app.biometricKey, wrapped, subtitle)) {
            is Used.Done -> Evidence.Biometric(used.result)
            is Used.Cancelled -> null
            is Used.Failed -> null.also { notice(used.text) }
            is Used.Invalidated -> null.also {
                app.accountKeys.biometricGone(core.phone, wrapped)
                notice(getString(R.string.biometric_invalidated))
            }
        }
    }

    private fun show(answer: Answer, reason: DenyReason?) {
        if (answer is Answer.Rejected) return reject(answer.reason)
        val (icon, tint) = when {
            answer is Answer.Settled -> icon(answer.state)
            answer is Answer.Queued || answer is Answer.OutcomeUnknown -> R.drawable.unsure to R.color.accent
            else -> R.drawable.bad to R.color.danger
        }
        val stopped = answer == Answer.Settled(NotificationState.DENIED) && reason == DenyReason.NOT_ME
        end(icon, tint, answer.title, if (stopped) getString(R.string.result_not_me_text) else answer.summary(this))
        answered = true
        waiting = answer is Answer.Queued
        over = !waiting
    }

    private fun settled(state: NotificationState) {
        val (icon, tint) = icon(state)
        end(icon, tint, state.label, getString(R.string.request_settled_text))
    }

    /** The result of an earlier or queued answer. */
    private fun outcome(state: NotificationState): Answer? = when (state) {
        NotificationState.APPROVED, NotificationState.DENIED -> Answer.Settled(state)
        NotificationState.FAILED -> Answer.Refused(null, null)
        NotificationState.OUTCOME_UNKNOWN -> Answer.OutcomeUnknown
        NotificationState.EXPIRED -> Answer.Expired
        NotificationState.PENDING, NotificationState.ANSWERING, NotificationState.WITHDRAWN -> null
    }

    private fun icon(state: NotificationState): Pair<Int, Int> = when (state) {
        NotificationState.APPROVED -> R.drawable.good to R.color.good
        NotificationState.DENIED -> R.drawable.bad to R.color.text_second
        NotificationState.FAILED -> R.drawable.bad to R.color.danger
        else -> R.drawable.unsure to R.color.text_second
    }

    private fun keyGone() = end(
        R.drawable.bad, R.color.danger, R.string.key_gone, getString(R.string.key_gone_text), R.string.accounts_scan to ScanActivity::class.java,
    )

    private fun end(icon: Int, tint: Int, title: Int, text: String, next: Pair<Int, Class<out Activity>>? = null) {
        over = true
        notice(null)
        heading(getString(R.string.app_name))
        Result(this, fill(R.layout.result)).show(icon, tint, title, text, next)
    }

    private fun remaining(request: Notification) {
        val seconds = ((request.expiresAt - System.currentTimeMillis()) / 1000).coerceAtLeast(0).toInt()
        findViewById<TextView>(R.id.remaining)?.text = resources.getQuantityString(R.plurals.request_remaining, seconds, seconds)
    }

    companion object {
        private const val ANSWERED = "answered"
        private const val REASON = "reason"
        private val TICK = 1000.milliseconds
        private val REASONS = mapOf(R.id.deny_not_me to DenyReason.NOT_ME, R.id.deny_mistake to DenyReason.MISTAKE, R.id.deny_other to DenyReason.OTHER)

        /** The data URI keeps the intents of different sign-on requests apart. */
        fun intent(context: Context, id: String): Intent =
            Intent(Intent.ACTION_VIEW, Uri.fromParts("request", id, null), context, RequestActivity::class.java)
    }
}
