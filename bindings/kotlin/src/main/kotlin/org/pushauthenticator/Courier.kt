package org.pushauthenticator

import java.io.IOException
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.isActive
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext

/**
 * Sends what the core has put in its outbox and reports the results back. Anything that could not be sent stays in the
 * vault, so nothing is lost when a courier is cancelled or its process is killed.
 */
public class Courier(
    private val phone: PushAuthenticator,
    private val transport: HttpTransport = UrlConnectionTransport(),
    /** Signs pulls for accounts whose key the app holds. Without a signer, those accounts are not pulled. */
    private val signer: PullSigner? = null,
) {
    /**
     * Held while requests are picked, never while they are sent, so that a server that does not answer delays nobody
     * else.
     */
    private val picking = Mutex()

    /** Ids of the HTTP requests that this courier is currently sending. */
    private val underway = MutableStateFlow(emptySet<String>())

    /** Accounts whose servers said that they do not list pending messages. */
    private val unlisted = MutableStateFlow(emptySet<String>())

    /**
     * Sends everything that is due now, and anything that becomes due as a result.
     *
     * @throws AuthenticatorException when the vault cannot be used
     */
    public suspend fun deliver(): List<Report> {
        val reports = mutableListOf<Report>()
        while (true) {
            val due = pick()
            if (due.isEmpty()) return reports
            reports += coroutineScope { due.map { async(start = CoroutineStart.UNDISPATCHED) { send(it) } }.awaitAll() }
                .filterNotNull()
        }
    }

    /**
     * Waits until this courier is sending nothing. [deliver] skips what another coroutine of this courier is already
     * sending, so call this first to find out what is left.
     */
    public suspend fun awaitIdle() {
        underway.first { it.isEmpty() }
    }

    /** Delivers whatever is due, now and each time something becomes due, until cancelled. */
    public suspend fun run(): Nothing {
        while (true) {
            deliver()
            val version = phone.version
            val next = phone.look { outbox() }.minOfOrNull { it.nextAttemptAt }
            phone.awaitChange(version, next?.let { (it - System.currentTimeMillis()).milliseconds })
        }
    }

    /**
     * Asks every server for its pending messages. New sign-on requests appear in [PushAuthenticator.notifications].
     * This courier does not ask a server again once it has answered [Pulled.NotOffered]; it returns that result
     * instead.
     *
     * @param wait how long a server may hold the HTTP request until a message arrives; at most 30 seconds
     * @throws AuthenticatorException when the vault cannot be used
     */
    public suspend fun pull(wait: Duration = Duration.ZERO): List<PullResult> = coroutineScope {
        val plain = phone.look { pull(seconds(wait)) }.map { async { listed(it.accountId, wait) { it } } }
        val signed = phone.look { pullsToSign() }.map { async { listed(it.accountId, wait) { make(it.accountId, wait, it.toSign) } } }
        (plain + signed).awaitAll()
    }

    private suspend fun listed(accountId: String, wait: Duration, first: suspend () -> PullRequest): PullResult {
        val notOffered = PullResult.Answered(accountId, Pulled.NotOffered)
        if (accountId in unlisted.value) return notOffered
        return ask(accountId, wait, first).also { result -> if (result == notOffered) unlisted.update { it + accountId } }
    }

    /**
     * Processes a push as the platform delivered it. If the push only hints that a message is waiting, asks the
     * account's server for that message immediately.
     *
     * @param payload JSON: FCM's data map, APNs' user info, or `{"messageId", "message"}`
     * @throws AuthenticatorException when the push is rejected, which changes nothing, or the vault cannot be used
     */
    public suspend fun receive(payload: ByteArray): Arrival = when (val first = phone.call { receive(payload) }) {
        is Received.Message -> Arrival.Request(first.notification)
        is Received.Hint -> {
            val result = ask(first.accountId, Duration.ZERO) { make(first.accountId, Duration.ZERO, toSign(first.accountId)) }
            when (val now = phone.call { receive(payload) }) {
                is Received.Message -> Arrival.Request(now.notification)
                is Received.Hint -> Arrival.Missing(result)
            }
        }
    }

    /**
     * Approves a sign-on request with the evidence that it requires, and sends the answer.
     *
     * @param signed [Authenticator.approvalToSign] signed by the account's own key, if the app holds that key
     */
    public suspend fun approve(notificationId: String, evidence: Evidence, signed: Signed? = null): Answer =
        answer(notificationId) {
            if (signed == null) approve(notificationId, evidence) else approveSigned(notificationId, evidence, signed)
        }

    /**
     * Denies a sign-on request, and sends the answer.
     *
     * @param reason why; only for accounts that have their own key
     * @param signed [Authenticator.denialToSign] for the same reason, signed by the account's own key, if the app holds
     * that key
     */
    public suspend fun deny(notificationId: String, reason: DenyReason? = null, signed: Signed? = null): Answer =
        answer(notificationId) {
            when {
                signed != null -> denySigned(notificationId, reason, signed)
                reason != null -> denyFor(notificationId, reason)
                else -> deny(notificationId)
            }
        }

    /**
     * Adds the account of a registration URI that the user confirmed after the preview, and sends its registration.
     *
     * @param slotWrapper binds the account to the platform's biometric; without one, sign-on requests that require a
     * biometric can only be denied, unless the key in [Enrolment.key] requires a biometric itself
     */
    public suspend fun enrol(code: String, enrolment: Enrolment, slotWrapper: SlotWrapper? = null): Enrolled {
        val account = try {
            phone.call { enrol(code, enrolment, slotWrapper) }
        } catch (reason: AuthenticatorException) {
            return Enrolled.Rejected(reason)
        }
        val reports = deliver { it.accountId == account.id }
        val now = phone.look { accounts() }.find { it.id == account.id }
        return when (now?.state) {
            null -> {
                val refused = reports.refusal { it is Outcome.AccountRemoved && it.accountId == account.id }
                Enrolled.Refused(refused?.status, refused?.message)
            }
            AccountState.ENROLLING -> Enrolled.Queued(now)
            AccountState.UNCONFIRMED -> Enrolled.Unconfirmed(now)
            AccountState.ACTIVE, AccountState.LOCKED, AccountState.RE_ENROLMENT_NEEDED -> Enrolled.Ready(now)
        }
    }

    /**
     * The core reserves each request for this courier for a minute, so a cancellation must not lose them in between.
     */
    private suspend fun pick(): List<HttpRequest> = withContext(NonCancellable) {
        picking.withLock {
            phone.look { due() }.also { due -> underway.update { ids -> ids + due.map { it.id } } }
        }
    }

    /** Sends what is due. If another round is already sending one of the matching requests, waits for it. */
    private suspend fun deliver(which: (Waiting) -> Boolean): List<Report> {
        val reports = deliver()
        val waiting = phone.look { outbox() }.find(which)
        if (waiting != null) underway.first { waiting.id !in it }
        return reports
    }

    private suspend fun answer(notificationId: String, decide: Authenticator.() -> Unit): Answer {
        try {
            phone.call(decide)
        } catch (reason: AuthenticatorException) {
            return Answer.Rejected(reason)
        }
        val reports = deliver { it.notificationId == notificationId }
        return when (val state = phone.look { notification(notificationId) }.state) {
            NotificationState.APPROVED, NotificationState.DENIED -> Answer.Settled(state)
            NotificationState.FAILED, NotificationState.WITHDRAWN -> {
                val refused = reports.refusal { it is Outcome.Answered && it.notificationId == notificationId }
                Answer.Refused(refused?.status, refused?.message)
            }
            NotificationState.OUTCOME_UNKNOWN -> Answer.OutcomeUnknown
            NotificationState.EXPIRED -> Answer.Expired
            NotificationState.ANSWERING, NotificationState.PENDING -> Answer.Queued
        }
    }

    /** Returns the result of one HTTP request, or null if its account was removed in the meantime. */
    private suspend fun send(request: HttpRequest): Report? =
        try {
            if (currentCoroutineContext().isActive) exchange(request)
            else report(request) { failed(request.id, SendFailure.NOT_SENT) }
        } finally {
            underway.update { it - request.id }
        }

    private suspend fun exchange(request: HttpRequest): Report? {
        val response = try {
            transport.post(HttpPost(request.url, request.headers, request.body))
        } catch (failure: NotSentException) {
            return report(request) { failed(request.id, SendFailure.NOT_SENT) }
        } catch (failure: IOException) {
            return report(request) { failed(request.id, SendFailure.FATE_UNKNOWN) }
        } catch (interruption: Throwable) {
            // Cancelled, or the transport is broken. The HTTP request may already be on its way.
            report(request) { failed(request.id, SendFailure.FATE_UNKNOWN) }
            throw interruption
        }
        return report(request) { delivered(request.id, response) }
    }

    /** Reports to the core even after a cancellation; otherwise the HTTP request would be sent again. */
    private suspend fun report(request: HttpRequest, tell: Authenticator.() -> Delivery): Report? =
        withContext(NonCancellable) {
            try {
                Report(request.id, request.kind, phone.call(tell))
            } catch (refused: AuthenticatorException.Refused) {
                if (refused.code != "request-not-found") throw refused
                null
            }
        }

    private suspend fun ask(accountId: String, wait: Duration, first: suspend () -> PullRequest): PullResult =
        try {
            var pulled = askOnce(first(), wait)
            // The phone now knows the server's time, and the next pull carries it.
            if (pulled is Pulled.AskAgain) pulled = askOnce(make(accountId, Duration.ZERO, toSign(accountId)), Duration.ZERO)
            PullResult.Answered(accountId, pulled)
        } catch (reason: AuthenticatorException) {
            PullResult.Rejected(accountId, reason)
        } catch (cause: IOException) {
            PullResult.Unreachable(accountId, cause)
        }

    /** Returns what the account's key has to sign for the next pull, if anything. */
    private suspend fun toSign(accountId: String): ToSign? =
        phone.look { pullsToSign() }.find { it.accountId == accountId }?.toSign

    /**
     * Builds a pull for this account, signed if there is something to sign. The core rejects a pull that should have
     * been signed and was not.
     */
    private suspend fun make(accountId: String, wait: Duration, toSign: ToSign?): PullRequest {
        val signed = toSign?.let { signer?.sign(accountId, it) }
        return phone.look {
            if (signed == null) pullAccount(accountId, seconds(wait)) else pullSigned(accountId, seconds(wait), signed)
        }
    }

    private fun seconds(wait: Duration): UInt = wait.inWholeSeconds.coerceIn(0, LONGEST_PULL).toUInt()

    private suspend fun askOnce(pull: PullRequest, wait: Duration): Pulled {
        val response = transport.post(HttpPost(pull.url, pull.headers, pull.body, wait.coerceAtMost(LONGEST_PULL.seconds)))
        return phone.call { pulled(pull, response) }
    }

    private fun List<Report>.refusal(of: (Outcome) -> Boolean): Delivery.Refused? =
        map { it.delivery }.filterIsInstance<Delivery.Refused>().find { of(it.outcome) }

    private companion object {
        /** In seconds. */
        const val LONGEST_PULL = 30L
    }
}
